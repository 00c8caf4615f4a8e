"""The dispatcher has failed operations looked up when their time comes."""

import time
from typing import Any

import pytest

from core.db import rows
from dispatcher.housekeeping import RECHECK_SCAN_SECONDS, Housekeeping
from payments import rechecking
from payments.models import Payment
from tests.money import Shop, a_shop, charge_of, drain, messages

pytestmark = pytest.mark.usefixtures("committed_db")


class Clock:
    """A monotonic clock that a test moves; the time of day is the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


class Remembering:
    """A broker that forgets nothing."""

    def has_forgotten(self) -> bool:
        return False


@pytest.fixture
def shop() -> Shop:
    return a_shop()


def refused(shop: Shop) -> Payment:
    """Return a failed payment whose look is due."""
    payment = shop.accepted(gateway="mock_failure")
    drain()
    rows("UPDATE payments_operation SET recheck_at = now() WHERE recheck_at IS NOT NULL")
    return payment


def kinds(payment: Payment) -> list[Any]:
    return [kind for (kind,) in messages(charge_of(payment).id, "kind")]


def test_a_look_is_staged_once_a_minute(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = refused(shop)
    with monkeypatch.context() as patched:
        clock = Clock(patched)
        keeping = Housekeeping(Remembering())  # type: ignore[arg-type]

        clock.now += RECHECK_SCAN_SECONDS - 1
        keeping.run_if_due()
        before = kinds(payment)
        clock.now += 2
        keeping.run_if_due()
        after = kinds(payment)
        later = refused(shop)
        clock.now += RECHECK_SCAN_SECONDS - 2
        keeping.run_if_due()

    assert (before, after) == (["charge"], ["charge", "recheck"])
    assert kinds(later) == ["charge"]


def test_those_that_one_scan_leaves_are_staged_at_the_next_sweep(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    payments = [refused(shop) for _ in range(3)]
    monkeypatch.setattr(rechecking, "STAGED_MAX", 2)
    with monkeypatch.context() as patched:
        clock = Clock(patched)
        keeping = Housekeeping(Remembering())  # type: ignore[arg-type]
        staged: list[int] = []
        for _ in range(2):
            clock.now += RECHECK_SCAN_SECONDS if not staged else 2
            keeping.run_if_due()
            staged.append(sum("recheck" in kinds(payment) for payment in payments))

    assert staged == [2, 3]
