"""The dispatcher keeps the snapshots near the books' end, and does not depend on it."""

from types import SimpleNamespace

import pytest
from django.db import OperationalError

from core.db import rows
from dispatcher import paced, rolling
from dispatcher.rolling import RollUp
from outbox.models import Message
from tests.dispatcher.trouble import BUG, LOCK_TIMEOUT, SHUTDOWN, make_trouble
from tests.money import a_shop

pytestmark = pytest.mark.usefixtures("committed_db")


def booked(payments):
    shop = a_shop()
    for _ in range(payments):
        shop.accepted()


def waiting():
    """Count what was booked and is in no snapshot."""
    return rows("SELECT count(*) FROM ledger_transaction, ledger_rollup WHERE xid > upto")[0][0]


def test_a_tick_rolls_up_what_was_booked(loop):
    booked(3)

    loop.tick()

    assert waiting() == 0


class TestWhen:
    @pytest.fixture
    def clock(self, monkeypatch):
        standing = SimpleNamespace(now=100.0)
        standing.monotonic = lambda: standing.now
        monkeypatch.setattr(paced, "time", standing)
        return standing

    def test_a_backlog_waits_for_no_second(self, clock):
        roll_up = RollUp(most=2)
        booked(5)

        for _ in range(3):
            roll_up.run_if_due()

        assert waiting() == 0

    def test_what_comes_after_it_waits_a_second(self, clock):
        roll_up = RollUp(most=2)
        roll_up.run_if_due()
        booked(1)

        roll_up.run_if_due()
        at_once = waiting()
        clock.now += rolling.EVERY_SECONDS
        roll_up.run_if_due()

        assert (at_once, waiting()) == (1, 0)

    def test_after_trouble_it_waits_longer(self, clock, committed_db):
        make_trouble(committed_db, "INSERT", "ledger_snapshot")
        roll_up = RollUp()
        booked(1)

        roll_up.run_if_due()
        clock.now += rolling.EVERY_SECONDS
        roll_up.run_if_due()
        soon = waiting()
        clock.now += rolling.FAILURE_PAUSE_SECONDS
        roll_up.run_if_due()

        assert (soon, waiting()) == (1, 0)


@pytest.mark.parametrize("code", [LOCK_TIMEOUT, BUG])
def test_trouble_with_it_does_not_stop_dispatching(loop, committed_db, code):
    make_trouble(committed_db, "INSERT", "ledger_snapshot", code=code, times=9)
    booked(1)

    loop.tick()

    assert Message.objects.get().epoch == 1
    assert waiting() == 1


def test_a_lost_connection_is_told_once_and_then_left_alone(loop, committed_db):
    make_trouble(committed_db, "INSERT", "ledger_snapshot", code=SHUTDOWN, times=9)
    booked(1)

    with pytest.raises(OperationalError):
        loop.tick()
    loop.tick()

    assert Message.objects.get().epoch == 1
