"""The dispatcher beside a real broker: what it hands over, how much, and what without one."""

from contextlib import closing
from datetime import timedelta
from threading import Event, Thread
from time import monotonic, sleep

import pytest
from django.db import connection

from config.celery import app
from core.db import rows
from core.metrics import MESSAGES_PUBLISHED
from dispatcher import runner
from outbox.handling import Ticket
from tests.dispatcher.driving import in_flight, make_slow, queued, tick
from tests.money import a_shop, counted
from tests.outbox.planting import LANE, lapse, plant, states

pytestmark = pytest.mark.usefixtures("committed_db")


class TestHandingOver:
    def test_claims_before_it_publishes_and_carries_ids_and_epochs_only(self, loop, broker):
        ids = plant(3)
        before = counted(MESSAGES_PUBLISHED)

        tick(loop)

        assert queued(broker) == [(LANE, [Ticket(message_id, 1) for message_id in ids])]
        assert states("state", "epoch") == [(1, 1)] * 3
        assert counted(MESSAGES_PUBLISHED) == before + 3

    def test_hands_over_once(self, loop, broker):
        plant(3)

        tick(loop, 3)

        assert len(queued(broker)) == 1

    def test_makes_a_payment_successful(self, loop, broker):
        payment = a_shop().accepted()

        tick(loop)
        ((lane, tickets),) = queued(broker)
        runner.run(lane, tickets, "host:1")

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"

    def test_starts_with_what_runs_alone_only_one(self, loop, broker):
        plant(3, alone=True)

        tick(loop, 4)

        assert in_flight() == 1
        assert len(queued(broker)) == 1


class TestWhatRunsAlone:
    def test_does_not_keep_its_lane_from_new_work(self, loop, broker, settings):
        settings.WORKER_SLOTS = 2
        plant(4, alone=True)
        plant(3)

        tick(loop, 2)

        assert sorted(len(tickets) for _, tickets in queued(broker)) == [1, 3]

    def test_takes_turns_with_new_work_in_a_slow_lane(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 2, 1
        settings.SWEEP_EVERY = timedelta(0)
        make_slow(loop)
        plant(10, alone=True)
        plant(10)

        for _ in range(12):
            tick(loop)
            assert in_flight() <= 1
            rows("UPDATE outbox_message SET state = 8, finished_at = now() WHERE state = 1")

        done = rows("SELECT alone, count(*) FROM outbox_message WHERE state = 8 GROUP BY alone")
        assert all(count >= 5 for _, count in done)
        assert len(done) == 2

    def test_of_several_lanes_takes_turns(self, loop, settings):
        for lane in ("charge:a", "charge:b", "charge:c"):
            plant(2, lane=lane, alone=True)
        lanes = []

        for _ in range(6):
            tick(loop)
            lanes += [lane for (lane,) in rows("SELECT lane FROM outbox_message WHERE state = 1")]
            rows("UPDATE outbox_message SET state = 8, finished_at = now() WHERE state = 1")

        assert lanes[:3] == lanes[3:]
        assert len(set(lanes)) == 3


def test_a_late_row_is_found_by_the_full_poll(loop, broker):
    plant(1)
    rows("UPDATE outbox_message SET available_at = now()")
    tick(loop)
    rows("UPDATE outbox_message SET state = 8, finished_at = now()")
    plant(1)  # due for years, so far below the floor that the first one left
    loop._next_full_poll = monotonic() + 60
    tick(loop)
    between = in_flight()
    loop._next_full_poll = 0

    tick(loop)

    assert (between, in_flight()) == (0, 1)


def test_a_lapsed_lease_is_swept_by_the_dispatcher_itself(loop, broker, settings):
    settings.SWEEP_EVERY = timedelta(0)
    plant(1)
    tick(loop)
    lapse()

    deadline = monotonic() + 5
    while len(queued(broker)) < 2 and monotonic() < deadline:
        tick(loop)

    assert [tickets[0].epoch for _, tickets in reversed(queued(broker))] == [1, 2]


def test_it_stops_when_told(loop):
    stopping, ended = Event(), Event()

    def run() -> None:
        loop.run(stopping)
        connection.close()
        ended.set()

    thread = Thread(target=run)
    thread.start()
    sleep(0.2)
    stopping.set()

    assert ended.wait(2)
    thread.join()


def test_it_survives_a_lost_database_connection(loop, broker, committed_db):
    stopping = Event()

    def run() -> None:
        app.set_current()  # each thread has its own
        rows("SET application_name = 'the loop'")
        loop.run(stopping)
        connection.close()

    thread = Thread(target=run)
    thread.start()
    sleep(0.3)
    with closing(committed_db.connect()) as other:
        other.cursor().execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'the loop'"
        )
    plant(1)
    deadline = monotonic() + 8
    while not queued(broker) and monotonic() < deadline:
        sleep(0.05)
    stopping.set()
    thread.join(5)

    assert len(queued(broker)) == 1
