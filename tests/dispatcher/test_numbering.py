"""The dispatcher numbers events within a second, and tells of them in the same transaction."""

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from core.db import in_transaction, rows
from dispatcher import numbering, paced
from dispatcher.numbering import Numberer
from outbox.models import Message
from tests.dispatcher.trouble import BUG, LOCK_TIMEOUT, SHUTDOWN, make_trouble
from tests.money import a_shop
from tests.payments.numbers import a_merchant, told, write

pytestmark = pytest.mark.usefixtures("committed_db")


def waiting():
    """Count the events that have no number."""
    return rows(
        "SELECT count(*) FROM payments_event e"
        " WHERE NOT EXISTS (SELECT FROM payments_eventnumber n WHERE n.event_id = e.id)"
    )[0][0]


@pytest.fixture
def clock(monkeypatch):
    standing = SimpleNamespace(now=100.0)
    standing.monotonic = lambda: standing.now
    monkeypatch.setattr(paced, "time", standing)
    return standing


def test_a_tick_numbers_what_happened(loop):
    shop = a_shop()
    shop.accepted()

    loop.tick()

    assert [place for place, _ in told(shop.merchant)] == [1]


class TestWhoHears:
    def test_hears_of_each_batch_once_in_its_transaction(self, clock):
        heard: list[Any] = []
        merchant = a_merchant()
        ids = [write(merchant) for _ in range(3)]
        numberer = Numberer([lambda batch: heard.append((in_transaction(), [*batch]))], most=2)

        for _ in range(4):
            numberer.run_if_due()

        assert [known for known, _ in heard] == [True, True]
        assert [[one.id for one in batch] for _, batch in heard] == [ids[:2], ids[2:]]

    def test_is_not_asked_when_nothing_happened(self):
        heard: list[Any] = []

        Numberer([heard.append]).run_if_due()

        assert heard == []

    def test_keeps_the_numbers_back_when_it_fails(self):
        merchant = a_merchant()
        made = write(merchant)

        def fail(batch):
            raise RuntimeError

        Numberer([fail]).run_if_due()
        meanwhile = told(merchant)
        Numberer().run_if_due()

        assert meanwhile == []
        assert told(merchant) == [(1, made)]


class TestWhen:
    def test_a_backlog_is_not_waited_with(self, clock):
        numberer, merchant = Numberer(most=2), a_merchant()
        for _ in range(5):
            write(merchant)

        for _ in range(3):
            numberer.run_if_due()

        assert waiting() == 0

    def test_what_comes_after_it_waits_less_than_a_second(self, clock):
        numberer = Numberer(most=2)
        numberer.run_if_due()
        write(a_merchant())

        numberer.run_if_due()
        at_once = waiting()
        clock.now += numbering.EVERY_SECONDS
        numberer.run_if_due()

        assert (at_once, waiting()) == (1, 0)
        assert numbering.EVERY_SECONDS <= 0.5

    def test_after_trouble_it_waits_longer(self, clock, committed_db):
        make_trouble(committed_db, "INSERT", "payments_eventnumber")
        numberer = Numberer()
        write(a_merchant())

        numberer.run_if_due()
        clock.now += numbering.EVERY_SECONDS
        numberer.run_if_due()
        soon = waiting()
        clock.now += numbering.FAILURE_PAUSE_SECONDS
        numberer.run_if_due()

        assert (soon, waiting()) == (1, 0)

    def test_too_much_at_once_is_tried_again_with_half_of_it(self, clock):
        """As when a statement runs out of time: the same batch would fail for ever."""
        looked_at: list[int] = []

        def can_only_do_two(batch):
            looked_at.append(len(batch))
            if len(batch) > 2:
                raise OperationalError

        numberer, merchant = Numberer([can_only_do_two], most=4), a_merchant()
        for _ in range(5):
            write(merchant)

        for _ in range(6):
            with suppress(OperationalError):
                numberer.run_if_due()
            clock.now += numbering.FAILURE_PAUSE_SECONDS

        assert looked_at == [4, 2, 3, 2, 1]
        assert waiting() == 0


@pytest.mark.parametrize("code", [LOCK_TIMEOUT, BUG])
def test_trouble_with_it_does_not_stop_dispatching(loop, committed_db, code):
    make_trouble(committed_db, "INSERT", "payments_eventnumber", code=code, times=9)
    a_shop().accepted()

    loop.tick()

    assert Message.objects.get().epoch == 1
    assert waiting() == 1


def test_a_lost_connection_is_told_once_and_then_left_alone(loop, committed_db):
    make_trouble(committed_db, "INSERT", "payments_eventnumber", code=SHUTDOWN, times=9)
    a_shop().accepted()

    with pytest.raises(OperationalError):
        loop.tick()
    loop.tick()

    assert Message.objects.get().epoch == 1
