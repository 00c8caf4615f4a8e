"""What an endpoint does says how it is sent to, and whether it is sent to at all."""

import socket
from datetime import timedelta

import pytest

from core.db import rows
from payments.events import public_id
from tests.money import drain, hurry, run_due
from tests.webhooks.endpoint_shop import (
    Told,
    attempts,
    events,
    number,
    patch,
    sell,
    told,
)
from tests.webhooks.sinks import Sink, a_sink
from webhooks import fanout

pytestmark = pytest.mark.usefixtures("committed_db")


class TestAnEndpointThatChanged:
    """While a try to it as it was is under way."""

    @pytest.mark.parametrize("status", [410, 500])
    def test_is_not_judged_by_the_answer(self, sink: Sink, settings, status):
        with a_sink() as new:
            settings.WEBHOOK_TEST_HOSTS = frozenset({sink.host, new.host})
            endpoint = told(sink.url, events=["payment.created"])
            sell(endpoint.shop)

            def answer(handler) -> None:
                assert patch(endpoint.shop, endpoint.path, {"url": new.url}).status_code == 200
                handler.send_response(status)
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            sink.answer = answer
            run_due()
            row = endpoint.row
            assert (row.url, row.status, row.failures) == (new.url, "enabled", 0)
            hurry()
            run_due()

            assert len(new.came) == 1
            assert [one.status for one in endpoint.deliveries()] == ["succeeded"]

    def test_begins_anew_with_another_url(self, sink: Sink):
        sink.statuses = [500]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        run_due()
        assert endpoint.row.failures == 1

        patch(endpoint.shop, endpoint.path, {"url": f"{sink.url}&new"})

        assert endpoint.row.failures == 0
        assert endpoint.row.failing_since is None


class TestALane:
    def test_is_the_slow_one_after_a_try_that_took_long(self, sink: Sink, monkeypatch):
        monkeypatch.setattr("webhooks.health.SLOW_SECONDS", 0.0)
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        run_due()
        sell(endpoint.shop)
        number()

        assert lanes() == [f"deliver_slowly:{fanout.lane(endpoint.row).partition(':')[2]}"]

    def test_is_the_usual_one_after_a_refusal_at_once(self, settings):
        with socket.create_server(("127.0.0.1", 0)) as server:
            host = "{}:{}".format(*server.getsockname())
        settings.WEBHOOK_TEST_HOSTS = frozenset({host})
        endpoint = told(f"http://{host}/", events=["payment.created"])
        sell(endpoint.shop)
        run_due()

        assert [one.result for one in attempts()] == ["no_answer"]
        assert [name.partition(":")[0] for name in lanes()] == ["deliver"]


class TestAnEndpointThatIsGone:
    def test_is_disabled_by_410_and_its_merchant_is_told(self, sink: Sink):
        sink.statuses = [410]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)

        run_due()

        row = endpoint.row
        assert (row.status, row.disabled_by) == ("disabled", "gone")
        assert endpoint.deliveries()[0].status == "failed"
        assert events("webhook_endpoint.disabled") == 1

    def test_is_sent_nothing_more(self, sink: Sink):
        sink.statuses = [410, 200]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        run_due()
        sell(endpoint.shop)
        number()

        drain()

        assert len(sink.came) == 1

    def test_is_disabled_when_it_took_nothing_for_too_long(self, sink: Sink):
        sink.statuses = [500]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        run_due()
        rows("UPDATE webhooks_endpoint SET failing_since = now() - interval '73 hours'")
        hurry()

        run_due()

        row = endpoint.row
        assert (row.status, row.disabled_by) == ("disabled", "failing")
        assert "2 failures in a row" in row.disabled_detail
        assert "status 500" in row.disabled_detail
        assert events("webhook_endpoint.disabled") == 1

    def test_has_what_waited_canceled(self, sink: Sink):
        sink.statuses = [410]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop, 2)
        first, _ = rows("SELECT id FROM outbox_message WHERE kind = 'deliver' ORDER BY id")
        rows(
            "UPDATE outbox_message SET available_at = now() + interval '1 hour' WHERE id = %s",
            first,
        )

        run_due()
        hurry()
        run_due()

        assert len(sink.came) == 1
        assert {(one.status, one.reason) for one in endpoint.deliveries()} == {
            ("failed", "endpoint_gone"),
            ("canceled", "endpoint_disabled"),
        }


class TestAnEndpointThatHasFailedFiftyTimes:
    def test_is_tried_once_a_minute_in_however_many_batches(self, sink: Sink):
        sink.statuses = [500]
        endpoint = failing(sink)
        sell(endpoint.shop, 5)

        run_due()
        hurry()
        run_due()

        assert len(sink.came) == 1
        assert sorted(one.tries for one in endpoint.deliveries()) == [0, 0, 0, 0, 1]
        rows("UPDATE webhooks_endpoint SET probe_at = now()")
        hurry()
        run_due()
        assert len(sink.came) == 2

    def test_is_sent_everything_once_it_took_one(self, sink: Sink):
        endpoint = failing(sink)
        sell(endpoint.shop, 5)
        run_due()
        assert len(sink.came) == 1

        hurry()
        run_due()

        assert len(sink.came) == 5
        assert endpoint.row.probe_at is None

    def test_has_the_others_wait_for_about_a_minute(self, sink: Sink):
        sink.statuses = [500]
        endpoint = failing(sink)
        sell(endpoint.shop, 2)

        run_due()

        waits = "SELECT max(available_at) - now() FROM outbox_message WHERE state = 0"
        assert timedelta(seconds=28) < rows(waits)[0][0] < timedelta(seconds=90)

    def test_is_tried_at_once_with_what_its_merchant_asks_for(self, sink: Sink):
        sink.statuses = [500]
        endpoint = failing(sink)
        sell(endpoint.shop, 5)
        run_due()
        tried = next(one for one in endpoint.deliveries() if one.tries)

        assert endpoint.post(f"deliveries/{tried.id}/resend").status_code == 202
        assert endpoint.post("test").status_code == 202
        hurry()
        run_due()

        first, *more = [one.headers["webhook-id"] for one in sink.came]
        test = endpoint.deliveries()[-1]
        assert set(more) == {first, public_id(test.body_id)}
        assert not any(one.is_asked for one in endpoint.deliveries())

    def test_has_the_others_wait_longer_the_longer_it_has_failed(self, sink: Sink):
        sink.statuses = [500]
        endpoint = failing(sink)
        rows("UPDATE webhooks_endpoint SET failing_since = now() - interval '2 days'")
        sell(endpoint.shop, 2)

        run_due()

        waits = "SELECT max(available_at) - now() FROM outbox_message WHERE state = 0"
        assert timedelta(minutes=4.9) < rows(waits)[0][0] < timedelta(minutes=15)


def failing(sink: Sink) -> Told:
    endpoint = told(sink.url, events=["payment.created"])
    rows("UPDATE webhooks_endpoint SET failures = 50, failing_since = now()")
    return endpoint


def lanes() -> list[str]:
    """Return the lanes of what is to be delivered."""
    sql = "SELECT lane FROM outbox_message WHERE state = 0 AND lane LIKE 'deliver%%'"
    return [lane for (lane,) in rows(sql)]
