"""The messages of one job, whatever their kinds."""

from time import sleep
from typing import Any

import pytest

from dispatcher import runner
from gateways.base import pending
from tests.gateways.reciting import Reciting
from tests.money import WORKER, a_shop, claim_all, drain, hurry, reciting

pytestmark = pytest.mark.usefixtures("committed_db")

CALL_SECONDS = 1.0


def make_slow(gateway: Reciting, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = gateway._answer

    def late(request: Any) -> Any:
        heard = answer(request)
        sleep(CALL_SECONDS)
        return heard

    monkeypatch.setattr(gateway, "_answer", late)


def test_kinds_of_one_handler_are_asked_about_side_by_side(settings, monkeypatch):
    shop = a_shop()
    sold = shop.sold()
    gateway = reciting(settings, pending("ch_1"))
    shop.accepted()
    shop.refund(sold, key="a", amount=100)
    drain()
    hurry()
    before = len(gateway.requests)
    (job,) = claim_all()
    make_slow(gateway, monkeypatch)

    runner.run(job.lane, job.tickets, WORKER)

    first, second = gateway.sent_at[before:]
    assert job.lane.startswith("inquire:")
    assert second - first < CALL_SECONDS / 2
