"""Events reach endpoints: the same bytes on every try, signed, at least once."""

import json
import time
from datetime import timedelta
from uuid import uuid4

import pytest

from core.db import OPERATOR, acting_as, rows
from outbox import operating
from outbox.models import Message
from tests.money import a_shop, drain, hurry, run_due
from tests.webhooks.endpoint_shop import (
    attempts,
    events,
    numbers,
    sell,
    told,
    wait,
)
from tests.webhooks.sinks import Sink
from webhooks.delivering import DeliveryHandler
from webhooks.posting import Heard, Post, Sender
from webhooks.schedule import WAITS
from webhooks.trail import Result

pytestmark = pytest.mark.usefixtures("committed_db")


class TestADelivery:
    def test_is_verified_with_the_public_package(self, sink: Sink):
        endpoint = told(sink.url)

        sell(endpoint.shop)
        drain()

        events = [came.verified_with(endpoint.secret) for came in sink.came]
        assert {"payment.created", "payment.succeeded"} <= {event["type"] for event in events}
        assert sorted(event["number"] for event in events) == numbers()
        assert {delivery.status for delivery in endpoint.deliveries()} == {"succeeded"}

    def test_is_what_standard_webhooks_says(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])

        sell(endpoint.shop)
        drain()

        (came,) = sink.came
        body = json.loads(came.body)
        assert came.path == "/hooks?shop=1"
        assert came.headers["webhook-id"] == body["id"]
        assert came.headers["webhook-id"].startswith("evt_")
        assert "." not in came.headers["webhook-id"]
        assert came.headers["webhook-timestamp"].isdigit()
        assert came.headers["webhook-signature"].startswith("v1,")
        assert came.headers["Content-Type"] == "application/json"
        assert set(body) == {
            *("id", "type", "timestamp", "number", "mode", "object", "version", "data"),
        }
        assert body["data"]["status"] == "CREATED"

    def test_has_the_same_bytes_on_every_try(self, sink: Sink):
        sink.statuses = [500, 500, 200]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)

        for _ in range(3):
            run_due()
            hurry()

        assert len(sink.came) == 3
        assert len({came.body for came in sink.came}) == 1
        assert len({came.headers["webhook-id"] for came in sink.came}) == 1
        for came in sink.came:
            came.verified_with(endpoint.secret)
        assert [one.result for one in attempts()] == ["refused", "refused", "succeeded"]

    def test_is_stamped_with_the_databases_time_whatever_the_hosts_clock_says(
        self, sink: Sink, monkeypatch
    ):
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        right = time.time

        monkeypatch.setattr(time, "time", lambda: right() + 3_600)
        run_due()
        monkeypatch.undo()

        (came,) = sink.came
        assert came.verified_with(endpoint.secret)

    def test_goes_only_where_it_is_wanted(self, sink: Sink):
        told(sink.url, events=["refund.created"])
        endpoint = told(sink.url, events=["payment.succeeded", "refund.created"])

        sell(endpoint.shop)
        drain()

        assert [json.loads(came.body)["type"] for came in sink.came] == ["payment.succeeded"]

    def test_goes_to_nobody_elses_endpoint_nor_mode(self, sink: Sink, monkeypatch):
        monkeypatch.setattr("webhooks.api.resolve", lambda *_: ["93.184.216.34"])
        other = told(sink.url)
        mine = a_shop()
        live = told("https://example.com/", shop=a_shop(mode="live", merchant=mine.merchant))

        sell(mine)
        drain()

        assert sink.came == []
        assert other.deliveries() == live.deliveries() == []


class TestWhatIsNotTaken:
    @pytest.mark.parametrize("status", [300, 301, 302, 307, 400, 404, 500, 503])
    def test_is_anything_but_2xx_and_a_redirect_is_not_followed(self, sink: Sink, status):
        sink.statuses = [status]
        sink.headers = {"Location": sink.url}
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)

        run_due()

        assert len(sink.came) == 1
        assert [one.result for one in attempts()] == ["refused"]
        assert endpoint.deliveries()[0].status == "pending"

    def test_is_tried_again_by_the_schedule_and_then_given_up(self, sink: Sink):
        sink.statuses = [500]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        waited = []

        for _ in range(10):
            run_due()
            waited.append(wait())
            hurry()

        *waits, last = waited
        for actual, planned in zip(waits, WAITS, strict=True):
            assert actual is not None
            assert 0.79 * planned < actual < 1.21 * planned
        assert last is None
        (delivery,) = endpoint.deliveries()
        assert (delivery.status, delivery.reason) == ("failed", "tries_exhausted")
        assert run_due() == 0
        row = endpoint.row
        assert (row.status, row.disabled_by) == ("disabled", "failing")
        assert events("webhook_endpoint.disabled") == 1

    def test_disables_nothing_that_took_something_meanwhile(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])
        sink.statuses = [500]
        sell(endpoint.shop)
        run_due()
        rows("UPDATE webhooks_delivery SET tries = 9")
        sink.statuses = [200, 500]
        sell(endpoint.shop)
        run_due()

        hurry()
        run_due()

        assert {one.status for one in endpoint.deliveries()} == {"failed", "succeeded"}
        assert endpoint.row.status == "enabled"

    def test_is_tried_again_when_its_dead_message_is_replayed(self, sink: Sink, monkeypatch):
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        rows("UPDATE outbox_message SET max_attempts = 1 WHERE kind = 'deliver'")
        with monkeypatch.context() as without:
            without.setattr("webhooks.keeping.valid", broken)
            run_due()
        dead = Message.objects.get(kind="deliver")
        (delivery,) = endpoint.deliveries()
        assert (dead.state, delivery.status, delivery.reason) == (9, "failed", "given_up")

        with acting_as(OPERATOR):
            operating.replay(dead.id, epoch=dead.epoch, state=9, actor="ops", reason="key is back")
        run_due()

        assert [one.status for one in endpoint.deliveries()] == ["succeeded"]
        assert len(sink.came) == 1

    def test_is_given_fifteen_seconds_or_what_is_left_of_the_lease(self):
        given = []

        class Noting(Sender):
            def send(self, post: Post, seconds: float = 0.0) -> Heard:
                given.append(seconds)
                return Heard(post.attempt_id, post.url, 1, Result.SUCCEEDED, 0.0)

        handler, post = DeliveryHandler(Noting()), a_post()
        for left in (100.0, 10.0):
            handler.call(post, time.monotonic() + left)

        assert given == [15.0, pytest.approx(7.0, abs=0.5)]

    @pytest.mark.parametrize("status", [429, 502, 504])
    def test_is_tried_when_the_receiver_says(self, sink: Sink, status):
        sink.statuses, sink.headers = [status], {"Retry-After": "4000"}
        sell(told(sink.url, events=["payment.created"]).shop)

        run_due()

        assert timedelta(seconds=3990) < (wait() or timedelta()) < timedelta(seconds=4001)

    def test_waits_a_day_at_most(self, sink: Sink):
        sink.statuses, sink.headers = [429], {"Retry-After": "99999999"}
        sell(told(sink.url, events=["payment.created"]).shop)

        run_due()

        assert timedelta(hours=23.9) < (wait() or timedelta()) <= timedelta(hours=24)

    def test_is_not_hurried_by_a_short_retry_after(self, sink: Sink):
        sink.statuses, sink.headers = [503], {"Retry-After": "4000"}
        sell(told(sink.url, events=["payment.created"]).shop)

        run_due()

        assert (wait() or timedelta()) < timedelta(seconds=7)


def a_post() -> Post:
    return Post(uuid4(), "https://example.com/", 1, "test", "evt_x", b"{}", [b"s" * 32], 0.0)


def broken(*_: object) -> None:
    raise RuntimeError("a key is missing")
