"""Starting a message and finishing it, fenced by its epoch."""

from datetime import timedelta

import pytest

from core.db import TransactionMisuse, transaction
from outbox import delivery, leasing, sweeping
from outbox.delivery import FenceRejected
from outbox.handling import Again, Done, Ticket
from tests.outbox.planting import LEASE, claim, lapse, plant, start, states

pytestmark = pytest.mark.django_db
LATER = Again(timedelta(seconds=5), "not_sent", spends=True, error="down", lane="inquire:mock")


def complete(ticket, end) -> None:
    with transaction():
        delivery.complete({ticket: end})


class TestAStart:
    def test_counts_and_names_the_worker_and_prolongs_the_lease(self):
        plant()
        (ticket,) = claim()

        (started,) = start(ticket, worker="host:7", lease=timedelta(seconds=20))

        assert (started.ticket, started.starts) == (ticket, 1)
        columns = ("starts", "worker", "lease_until - now()", "started_at IS NOT NULL")
        assert states(*columns) == [(1, "host:7", timedelta(seconds=20), True)]

    def test_is_won_once(self):
        plant()
        (ticket,) = claim()

        assert len(start(ticket)) == 1
        assert start(ticket) == []

    def test_of_local_work_is_won_once_too(self):
        plant(2)
        tickets = claim()
        lease = timedelta(seconds=20)

        won = delivery.start_locally(tickets, kinds=["charge"], worker="host:7", lease=lease)

        assert {message.ticket for message in won} == set(tickets)
        assert states("starts", "worker") == [(1, "host:7")] * 2
        assert delivery.start_locally(tickets, kinds=["charge"], worker="host:8", lease=lease) == []
        assert start(*tickets) == []

    def test_of_local_work_leaves_other_kinds_alone(self):
        plant()
        lease = timedelta(seconds=20)

        won = delivery.start_locally(claim(), kinds=["apply"], worker="host:7", lease=lease)

        assert won == []
        assert states("state", "starts", "worker") == [(1, 0, "")]

    def test_of_another_epoch_is_stale(self):
        plant()
        (ticket,) = claim()

        assert start(Ticket(ticket.id, 0), Ticket(ticket.id, 2)) == []

    def test_of_what_was_given_back_is_stale(self):
        plant()
        (ticket,) = claim()
        leasing.give_back([ticket], timedelta(0))

        assert start(ticket) == []

    def test_of_what_is_over_is_stale(self):
        plant()
        (ticket,) = claim()
        start(ticket)
        complete(ticket, Done("succeeded"))

        assert start(ticket) == []

    def test_may_be_late_while_nobody_swept(self):
        plant()
        (ticket,) = claim()
        lapse()

        assert len(start(ticket)) == 1


class TestAnEnd:
    def test_is_done_with_its_time(self):
        plant()
        (ticket,) = claim()
        start(ticket)

        complete(ticket, Done("succeeded"))

        columns = ("state", "finished_at = now()", "lease_until", "job")
        assert states(*columns) == [(8, True, None, None)]

    def test_for_now_waits_and_counts_and_changes_its_lane(self):
        plant()
        (ticket,) = claim()
        start(ticket)

        complete(ticket, LATER)

        columns = ("state", "failures", "last_error", "lane", "available_at - now()")
        assert states(*columns) == [(0, 1, "down", "inquire:mock", timedelta(seconds=5))]

    @pytest.mark.parametrize("end", [Done("succeeded"), LATER])
    def test_by_an_older_epoch_is_refused(self, end):
        plant()
        (ticket,) = claim()
        start(ticket)

        with pytest.raises(FenceRejected):
            complete(Ticket(ticket.id, 0), end)

        assert states() == [(1,)]

    def test_twice_is_refused(self):
        plant()
        (ticket,) = claim()
        start(ticket)
        complete(ticket, Done("succeeded"))

        with pytest.raises(FenceRejected):
            complete(ticket, Done("succeeded"))

    def test_for_now_counts_once_though_it_is_written_twice(self):
        plant()
        (ticket,) = claim()
        start(ticket)
        complete(ticket, LATER)

        complete(ticket, LATER)

        assert states("state", "failures") == [(0, 1)]

    def test_for_now_counts_though_it_was_swept_before(self):
        plant()
        (ticket,) = claim()
        start(ticket)
        lapse()
        sweeping.sweep(LEASE)

        complete(ticket, LATER)

        assert states("state", "failures") == [(0, 1)]

    def test_by_death_is_fenced_too(self):
        plant()
        (ticket,) = claim()
        start(ticket)

        with pytest.raises(FenceRejected), transaction():
            delivery.end_dead({Ticket(ticket.id, 0): "x"})

    def test_of_one_among_others_that_are_not_ours_ends_none(self):
        plant(2)
        one, other = claim()
        start(one, other)

        with pytest.raises(FenceRejected), transaction():
            delivery.complete({one: Done("x"), Ticket(other.id, 0): Done("x")})

        assert states() == [(1,), (1,)]

    def test_needs_the_transaction_of_its_effects(self):
        with pytest.raises(TransactionMisuse):
            delivery.complete({})


def test_what_is_ours_is_what_nobody_claimed_since():
    plant(3)
    swept, kept, taken = claim()
    start(swept, kept, taken)
    leasing.give_back([swept], timedelta(0))

    with transaction():
        ours = delivery.lock_ours([swept, kept, Ticket(taken.id, 0)])

    assert ours == {swept.id, kept.id}


def test_a_look_at_the_rows_locks_nothing_and_shows_what_can_be_started():
    plant(2)
    one, other = claim()
    start(one)

    found = delivery.peek([one, other, Ticket(other.id, 5)])

    assert [message_id for message_id, _, _ in found] == [other.id]


def test_an_error_too_long_for_its_column_is_cut():
    plant()
    (ticket,) = claim()
    start(ticket)

    complete(ticket, Again(LEASE, "error", spends=True, error="x" * 5_000))

    assert states("length(last_error)") == [(2_000,)]
