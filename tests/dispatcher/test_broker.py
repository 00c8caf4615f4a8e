"""The broker may be away, may forget, and may be asked to wake us."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from time import monotonic, sleep
from uuid import uuid4

import pytest

from config.celery import app
from core.db import rows
from core.metrics import BREAKER_OPEN
from dispatcher.loop import Loop
from dispatcher.publishing import BrokerAway, Publisher
from outbox.handling import Ticket
from outbox.leasing import Job
from tests.dispatcher.driving import NOWHERE, queued, tick
from tests.money import a_shop, elsewhere
from tests.outbox.planting import plant, states

pytestmark = pytest.mark.usefixtures("committed_db")


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


class TestABrokerThatAnswersAndTakesNothing:
    @pytest.fixture
    def full(self, broker):
        before = broker.config_get("maxmemory")["maxmemory"]
        broker.config_set("maxmemory-policy", "noeviction")
        broker.config_set("maxmemory", "1")
        yield broker
        broker.config_set("maxmemory", before)

    def test_is_tried_ever_more_rarely_with_one_job(self, loop, full, settings):
        settings.BATCH_SIZE = 2
        plant(2)
        plant(2, lane="apply:mock")

        deadline = monotonic() + 2.5
        while monotonic() < deadline:
            tick(loop)
            rows("UPDATE outbox_message SET available_at = now() WHERE state = 0")

        epochs = rows("SELECT sum(epoch) FROM outbox_message")[0][0]
        # A job of each lane at first, then one of two after 0.1, 0.3, 0.7 and 1.5 seconds.
        assert 4 + 2 * 3 <= epochs <= 4 + 2 * 4
        assert states("state", "failures", "lost") == [(0, 0, 0)] * 4

    def test_gets_everything_once_it_takes_a_job(self, loop, full, settings):
        settings.BATCH_SIZE = 2
        plant(2)
        plant(2, lane="apply:mock")
        tick(loop)
        full.config_set("maxmemory", "0")

        deadline = monotonic() + 5
        while len(queued(full)) < 2 and monotonic() < deadline:
            tick(loop)

        assert len(queued(full)) == 2
        assert loop.breaker.trip() == 0.1


class TestAFrozenBroker:
    @pytest.fixture
    def frozen(self, settings, monkeypatch) -> Iterator[str]:
        """Give the address of a broker that takes connections and never answers."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
            settings.REDIS_URL = url
            app.set_current()
            monkeypatch.setattr(app.conf, "broker_write_url", url, raising=False)
            yield url

    def test_holds_nobody_who_is_told_to_stop_for_five_seconds(self, frozen):
        plant(1)
        loop, stopping = Loop(Publisher()), Event()
        thread = Thread(target=lambda: elsewhere(loop.run, stopping))
        thread.start()
        sleep(0.3)  # it waits for the first answer

        began = monotonic()
        stopping.set()
        thread.join(10)

        assert monotonic() - began < 3

    def test_makes_each_step_short(self, frozen):
        publisher = Publisher()
        job = Job("charge:mock", (Ticket(uuid4(), 1),), uuid4(), datetime.now(UTC))
        began = monotonic()

        with pytest.raises(BrokerAway):
            publisher.publish([job])
        publisher.close()

        assert monotonic() - began < 2


class TestAHandOverThatFailsUnexpectedly:
    def test_gives_messages_back_and_leaves_no_connection(self, loop, broker, monkeypatch):
        plant(2)
        with monkeypatch.context() as broken:
            broken.setattr(app.conf, "broker_write_url", "nosuch://x", raising=False)
            tick(loop)

        assert states("state", "failures", "lost") == [(0, 0, 0)] * 2
        assert loop.publisher._connection is None

        deadline = monotonic() + 5
        while not queued(broker) and monotonic() < deadline:
            tick(loop)

        assert len(queued(broker)) == 1
