"""The dispatcher beside a real broker: what it hands over, how much, and what without one."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from threading import Event, Thread
from time import monotonic, sleep
from uuid import UUID

import pytest
import redis
from django.db import connection

from config.celery import app
from core.db import rows
from core.metrics import BREAKER_OPEN, MESSAGES_PUBLISHED
from dispatcher import runner
from dispatcher.loop import JOBS_WAITING_PER_SLOT, Loop
from dispatcher.publishing import QUEUE, TASK, Publisher
from outbox import waking
from outbox.handling import Ticket
from tests.money import a_shop, counted
from tests.outbox.planting import LANE, claim, lapse, plant, start, states

pytestmark = [pytest.mark.usefixtures("committed_db")]

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def broker(broker_url: str) -> Iterator["redis.Redis"]:
    app.set_current()
    with closing(redis.Redis.from_url(broker_url)) as client:
        yield client


@pytest.fixture
def loop(broker) -> Iterator[Loop]:
    made = Loop(Publisher())
    yield made
    made.publisher.close()


def queued(broker) -> list[tuple[str, list[Ticket]]]:
    """Return what waits in the broker: each job's lane and tickets."""
    jobs = []
    for raw in broker.lrange(QUEUE, 0, -1):
        message = json.loads(raw)
        assert message["headers"]["task"] == TASK
        (lane, tickets), *_ = json.loads(base64.b64decode(message["body"]))
        jobs.append((lane, [Ticket(UUID(id_), epoch) for id_, epoch in tickets]))
    return jobs


def in_flight() -> int:
    return int(rows("SELECT count(*) FROM outbox_message WHERE state = 1")[0][0])


def tick(loop: Loop, times: int = 1) -> None:
    for _ in range(times):
        loop.tick()


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


class TestTheWindow:
    def test_leaves_a_lane_one_slot_less_than_there_are(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 3, 5
        plant(100)

        tick(loop, 5)

        assert len(queued(broker)) == 2
        assert in_flight() == 10

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
        plant(10)
        tick(loop, 2)
        ((_, tickets),) = queued(broker)
        start(*tickets)
        rows("UPDATE outbox_message SET state = 8, finished_at = now() WHERE state = 1")

        tick(loop)

        assert in_flight() == 5

    def test_is_shut_when_what_waits_has_waited_for_long(self, loop):
        plant(1, lane="charge:stuck")
        claim(lane="charge:stuck")
        rows("UPDATE outbox_message SET lease_until = now() + interval '5 seconds'")
        plant(5)

        tick(loop, 2)

        assert in_flight() == 1


class TestWithoutABroker:
    def break_broker(self, monkeypatch) -> None:
        monkeypatch.setattr(app.conf, "broker_write_url", NOWHERE, raising=False)

    def test_gives_messages_back_untouched(self, loop, monkeypatch):
        plant(3)
        self.break_broker(monkeypatch)

        tick(loop)

        columns = ("state", "starts", "failures", "lost", "last_error")
        assert states(*columns) == [(0, 0, 0, 0, "")] * 3
        assert loop.breaker.is_open
        assert counted_gauge() == 1

    def test_claims_nothing_while_the_breaker_is_open(self, loop, monkeypatch):
        plant(1)
        self.break_broker(monkeypatch)
        tick(loop)
        loop.breaker._until = monotonic() + 60
        rows("UPDATE outbox_message SET available_at = now()")

        tick(loop, 3)

        assert states("state", "epoch") == [(0, 1)]

    def test_hands_over_once_it_is_back(self, loop, broker, monkeypatch):
        plant(2)
        with monkeypatch.context() as broken:
            self.break_broker(broken)
            tick(loop)

        deadline = monotonic() + 5
        while not queued(broker) and monotonic() < deadline:
            tick(loop)

        assert [len(tickets) for _, tickets in queued(broker)] == [2]
        assert states("state", "epoch", "failures", "lost") == [(1, 2, 0, 0)] * 2
        assert not loop.breaker.is_open

    def test_waits_longer_each_time_up_to_a_bound(self, loop):
        waits = [loop.breaker.trip() for _ in range(8)]

        assert waits[:3] == [0.1, 0.2, 0.4]
        assert max(waits) == 5.0

    def test_payments_are_accepted(self, settings):
        settings.REDIS_URL = NOWHERE

        assert a_shop().pay().status_code == 201


def counted_gauge() -> float:
    return float(next(iter(BREAKER_OPEN.collect())).samples[0].value)


class TestABrokerThatForgot:
    def test_is_noticed_by_what_it_lost(self, loop, broker):
        before = loop.publisher.has_forgotten()
        broker.flushall()

        assert (before, loop.publisher.has_forgotten()) == (False, True)
        assert not loop.publisher.has_forgotten()

    def test_has_its_messages_offered_again_at_once(self, loop, broker, settings):
        settings.SWEEP_EVERY = timedelta(0)
        plant(2)
        tick(loop)
        broker.flushall()

        deadline = monotonic() + 5
        while not queued(broker) and monotonic() < deadline:
            tick(loop)

        assert [len(tickets) for _, tickets in queued(broker)] == [2]
        assert states("lost", "failures", "starts") == [(1, 0, 0)] * 2


class TestAHint:
    def test_wakes_for_its_lane(self, loop, monkeypatch):
        monkeypatch.setattr(waking, "_quiet_until", 0.0)
        waking.wake("charge:new")

        assert loop.publisher.next_hint(1) == "charge:new"

    def test_is_dropped_without_a_broker(self, settings, monkeypatch):
        monkeypatch.setattr(waking, "_quiet_until", 0.0)
        settings.REDIS_URL = NOWHERE
        waking._client.cache_clear()

        waking.wake("charge:new")

        assert waking._quiet_until > monotonic()
        waking._client.cache_clear()


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
