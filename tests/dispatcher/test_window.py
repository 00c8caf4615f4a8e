"""How much a dispatcher hands over: over all lanes, to one lane, and to those that are slow."""

from datetime import timedelta
from time import monotonic

import pytest

from core.db import rows
from dispatcher.window import JOBS_WAITING_PER_SLOT, QUICK_JOBS_PER_SLOT
from tests.dispatcher.driving import in_flight, make_slow, queued, tick
from tests.outbox.planting import LANE, claim, plant, start

pytestmark = pytest.mark.usefixtures("committed_db")


class TestTheWindow:
    def test_leaves_a_slow_lane_one_slot_less_than_there_are(self, loop, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 3, 5
        make_slow(loop)
        plant(100)

        tick(loop, 5)

        assert in_flight() == 10

    def test_counts_the_slots_of_all_workers(self, loop, settings):
        settings.WORKER_COUNT, settings.WORKER_SLOTS, settings.BATCH_SIZE = 3, 2, 5
        make_slow(loop)
        plant(100)

        tick(loop, 8)

        assert in_flight() == 25

    def test_leaves_all_slow_lanes_together_one_slot_less(self, loop, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 3, 5
        lanes = ("charge:slow", "refund:slow", "inquire:slow", "recheck:slow")
        make_slow(loop, *lanes)
        for lane in lanes:
            plant(20, lane=lane)

        tick(loop, 5)

        assert in_flight() == 10
        assert sorted(loop._window.full_slow_lanes()) == sorted(lanes)

    def test_bars_a_lone_message_of_another_slow_lane(self, loop, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 2, 5
        make_slow(loop, "charge:slow", "inquire:slow")
        plant(5, lane="charge:slow")
        tick(loop)
        plant(1, lane="inquire:slow", alone=True)
        loop.housekeeping.has_alone = True

        tick(loop, 3)

        assert rows("SELECT DISTINCT lane FROM outbox_message WHERE state = 1") == [
            ("charge:slow",)
        ]

    def test_lets_slow_lanes_take_turns(self, loop, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 2, 1
        lanes = ("charge:slow", "refund:slow", "inquire:slow")
        make_slow(loop, *lanes)
        for lane in lanes:
            plant(5, lane=lane)
        turns = []

        for _ in range(6):
            tick(loop)
            turns += [lane for (lane,) in rows("SELECT lane FROM outbox_message WHERE state = 1")]
            rows("UPDATE outbox_message SET state = 8, finished_at = now() WHERE state = 1")

        assert turns[:3] == turns[3:]
        assert set(turns) == set(lanes)

    def test_bounds_a_quick_lane_above_the_slots(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 2, 5
        plant(100)

        tick(loop, 5)

        assert len(queued(broker)) == QUICK_JOBS_PER_SLOT * 2
        assert in_flight() == QUICK_JOBS_PER_SLOT * 2 * 5

    def test_goes_on_with_a_lane_that_lost_a_job(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 2, 5
        plant(1)
        claim()
        plant(5)

        tick(loop, 3)

        assert [lane for lane, _ in queued(broker)] == [LANE]

    def test_goes_on_with_a_lane_whose_worker_holds_every_slot(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 2, 5
        plant(2)
        start(*claim(size=1))
        plant(5)

        tick(loop, 3)

        assert [lane for lane, _ in queued(broker)] == [LANE]

    def test_knows_a_slow_lane_by_a_job_that_still_runs(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 2, 1
        plant(1)
        start(*claim())
        rows("UPDATE outbox_message SET started_at = now() - interval '1.1 seconds'")
        plant(5)

        tick(loop, 3)

        assert queued(broker) == []
        assert loop._window.full_slow_lanes() == [LANE]

    def test_lets_another_lane_pass(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 2, 5
        plant(100)
        tick(loop, 2)
        plant(2, lane="apply:mock")
        loop._next_full_poll = 0

        tick(loop, 2)

        assert {lane for lane, _ in queued(broker)} == {LANE, "apply:mock"}

    def test_bounds_what_waits_in_the_broker_over_all_lanes(self, loop, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 2, 2
        for number in range(30):
            plant(2, lane=f"charge:{number}")

        tick(loop, 5)

        assert in_flight() == JOBS_WAITING_PER_SLOT * 2 * 2

    def test_opens_again_as_messages_are_started(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 2, 5
        plant(100)
        tick(loop, 2)
        before = in_flight()
        *_, (_, tickets) = queued(broker)
        started = [message.id for message in start(*tickets)]
        rows(
            "UPDATE outbox_message SET state = 8, finished_at = now() WHERE id = ANY (%s)",
            [started],
        )
        between = in_flight()

        tick(loop)

        assert (between, in_flight()) == (before - 5, before)

    def test_lets_one_job_at_a_time_pass_what_has_waited_for_long(self, loop, settings):
        settings.BATCH_SIZE = 2
        lose_a_job()
        for number in range(3):
            plant(2, lane=f"charge:{number}")

        tick(loop, 3)

        assert in_flight() == 1 + 2

    def test_opens_once_a_lost_job_is_overtaken(self, loop, broker, settings):
        settings.BATCH_SIZE = 2
        lose_a_job()
        plant(2, lane="charge:0")
        tick(loop, 2)
        ((_, tickets),) = queued(broker)
        start(*tickets)
        for number in range(1, 4):
            plant(2, lane=f"charge:{number}")
        loop._next_full_poll = 0

        tick(loop)

        assert in_flight() == 1 + 2 + 3 * 2

    def test_stays_shut_when_what_it_let_pass_is_not_started(self, loop, settings):
        settings.BATCH_SIZE = 2
        lose_a_job()
        plant(4, lane="charge:0")
        tick(loop, 2)
        rows(
            "UPDATE outbox_message SET lease_until = now() - interval '1 second'"
            " WHERE state = 1 AND lane = 'charge:0'"
        )  # it ran out, by our clock too: that tells of no worker
        waiting = loop._window._waiting
        waiting |= {job: (claimed_at, monotonic()) for job, (claimed_at, _) in waiting.items()}
        settings.SWEEP_EVERY = timedelta(0)
        loop.housekeeping._next_sweep = 0

        tick(loop, 3)

        assert in_flight() == 1 + 2


def lose_a_job() -> None:
    """Claim a message that nobody will start, long ago."""
    plant(1, lane="charge:stuck")
    claim(lane="charge:stuck")
    rows("UPDATE outbox_message SET lease_until = now() + interval '5 seconds'")
