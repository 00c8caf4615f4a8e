"""Claiming messages and giving them back."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from core.db import rows
from dispatcher.loop import NO_FLOOR
from outbox import leasing
from outbox.handling import Ticket
from outbox.models import Message
from tests.outbox.planting import DUE, LANE, LEASE, claim, plant, start, states

pytestmark = pytest.mark.django_db


class TestAClaim:
    def test_raises_the_epoch_and_gives_a_lease(self):
        (message_id,) = plant()

        tickets = claim()

        assert tickets == [Ticket(message_id, 1)]
        assert states("state", "epoch", "lease_until - now()") == [(1, 1, LEASE)]

    def test_takes_no_more_than_its_limit(self):
        plant(5)

        assert len(claim(3)) == 3
        assert sorted(states()) == [(0,), (0,), (1,), (1,), (1,)]

    def test_takes_the_longest_due_first(self):
        late, early = plant(), plant()
        rows("UPDATE outbox_message SET available_at = '2019-01-01' WHERE id = %s", [early[0]])

        (ticket,) = claim(1, floor="2000-01-01T00:00:00Z")

        assert ticket.id == early[0] != late[0]

    def test_takes_nothing_that_is_not_due(self):
        plant()
        rows("UPDATE outbox_message SET available_at = now() + interval '1 second'")

        assert claim() == []

    def test_takes_nothing_of_another_lane(self):
        plant(lane="refund:mock")

        assert claim() == []

    def test_takes_nothing_that_must_run_alone(self):
        plant(alone=True)

        assert claim() == []

    @pytest.mark.parametrize("state", [1, 3, 8, 9])
    def test_takes_nothing_that_is_not_pending(self, state):
        plant()
        claim()
        rows(
            "UPDATE outbox_message SET state = %s, finished_at = CASE WHEN %s > 7 THEN now() END",
            [state, state],
        )

        assert claim() == []

    def test_cuts_its_take_into_jobs(self):
        plant(7)

        jobs, _ = leasing.claim(LANE, limit=100, size=3, lease=LEASE, floor=NO_FLOOR)

        assert sorted(len(job.tickets) for job in jobs) == [1, 3, 3]
        in_rows = dict(rows("SELECT job, count(*) FROM outbox_message GROUP BY job"))
        assert sorted(in_rows.values()) == [1, 3, 3]

    def test_takes_nothing_below_its_floor(self):
        plant()

        assert claim(floor=datetime.now(UTC)) == []
        assert len(claim(floor=DUE)) == 1


class TestALoneClaim:
    def test_takes_one(self):
        plant(2, alone=True)

        job = leasing.claim_alone(LEASE)

        assert job is not None
        assert len(job.tickets) == 1
        assert job.lane == LANE

    def test_takes_none_while_one_is_in_flight(self):
        plant(2, alone=True)
        leasing.claim_alone(LEASE)

        assert leasing.claim_alone(LEASE) is None

    def test_takes_none_of_a_barred_lane(self):
        plant(alone=True)

        assert leasing.claim_alone(LEASE, barred=[LANE]) is None

    def test_serves_the_lane_that_waited_longest_for_its_turn(self):
        lanes = ["charge:a", "charge:b", "charge:c"]
        for lane in lanes:
            plant(2, lane=lane, alone=True)
        rows("UPDATE outbox_message SET available_at = '2019-01-01' WHERE lane = 'charge:a'")

        unserved = leasing.claim_alone(LEASE, served=lanes[:2])
        rows("UPDATE outbox_message SET state = 8, finished_at = now() WHERE state = 1")
        oldest = leasing.claim_alone(LEASE, served=["charge:b", "charge:c", "charge:a"])

        assert unserved is not None
        assert oldest is not None
        assert (unserved.lane, oldest.lane) == ("charge:c", "charge:b")

    def test_takes_none_that_need_not_be_alone(self):
        plant()

        assert leasing.claim_alone(LEASE) is None


class TestGivingBack:
    def test_makes_it_pending_and_spends_nothing(self):
        plant()
        tickets = claim()

        assert leasing.give_back(tickets, timedelta(seconds=2)) == 1

        columns = ("state", "epoch", "starts", "failures", "lost", "available_at - now()")
        assert states(*columns) == [(0, 1, 0, 0, 0, timedelta(seconds=2))]

    def test_leaves_what_a_worker_has_started(self):
        plant()
        tickets = claim()
        start(*tickets)

        assert leasing.give_back(tickets, timedelta(0)) == 0
        assert states() == [(1,)]

    def test_leaves_what_was_claimed_anew(self):
        plant()
        old = claim()
        leasing.give_back(old, -timedelta(days=1))
        claim(floor="2000-01-01T00:00:00Z")

        assert leasing.give_back(old, timedelta(0)) == 0
        assert states("state", "epoch") == [(1, 2)]

    def test_leaves_what_is_over(self):
        plant()
        tickets = claim()
        rows("UPDATE outbox_message SET state = 8, finished_at = now()")

        assert leasing.give_back(tickets, timedelta(0)) == 0


def test_the_lanes_with_work_are_found_whatever_their_size():
    plant(30)
    plant(1, lane="apply:mock")
    plant(1, lane="refund:mock")
    rows("UPDATE outbox_message SET available_at = now() + interval '1 day'"
         " WHERE lane = 'refund:mock'")  # fmt: skip

    assert leasing.all_lanes() == ["apply:mock", LANE, "refund:mock"]
    floors = dict.fromkeys(leasing.all_lanes(), datetime(1970, 1, 1, tzinfo=UTC))
    assert sorted(leasing.due_lanes(floors)) == ["apply:mock", LANE]


def test_the_flight_is_jobs_and_what_nobody_started_of_them():
    plant(5)
    first, *_ = claim(5, size=3)
    start(first)

    flights = leasing.in_flight(LEASE)

    assert sorted(flight.unstarted for flight in flights) in ([1, 3], [2, 2])
    assert {flight.waited_seconds for flight in flights} == {0.0}
    assert {flight.lane for flight in flights} == {LANE}


def test_a_job_that_was_started_waits_no_more():
    plant()
    start(*claim())

    (flight,) = leasing.in_flight(LEASE)

    assert (flight.unstarted, flight.claimed_at) == (0, None)


def test_a_broker_that_forgot_ends_the_leases_of_what_waited_in_it():
    plant(2)
    one, _ = claim()
    start(one)

    assert leasing.expire_unstarted() == 1

    unstarted = Message.objects.get(started_at=None)
    assert unstarted.lease_until is not None
    assert unstarted.lease_until <= datetime.now(UTC)


def test_nobody_is_told_to_give_back_what_never_was():
    assert leasing.give_back([Ticket(uuid4(), 1)], timedelta(0)) == 0
