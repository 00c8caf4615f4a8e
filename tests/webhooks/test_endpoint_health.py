"""What an endpoint does says how it is sent to, and whether it is sent to at all."""

import socket

import pytest

from core.db import rows
from tests.money import drain, hurry, run_due
from tests.webhooks.endpoint_shop import (
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

    def test_is_not_judged_by_it_although_whoever_changed_it_had_to_wait(
        self, sink: Sink, settings
    ):
        with a_sink() as new:
            settings.WEBHOOK_TEST_HOSTS = frozenset({sink.host, new.host})
            endpoint = told(sink.url, events=["payment.created"])
            sell(endpoint.shop)

            def answer(handler) -> None:
                patch(endpoint.shop, endpoint.path, {"url": new.url})
                # As if its transaction had begun before the try, and waited for the row.
                rows("UPDATE webhooks_endpoint SET updated_at = updated_at - interval '1 minute'")
                handler.send_response(410)
                handler.end_headers()

            sink.answer = answer
            run_due()

        assert (endpoint.row.status, endpoint.row.failures) == ("enabled", 0)

    def test_is_judged_by_it_if_its_address_is_the_same(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)

        def answer(handler) -> None:
            patch(endpoint.shop, endpoint.path, {"description": "Same place"})
            handler.send_response(410)
            handler.end_headers()

        sink.answer = answer
        run_due()

        assert endpoint.row.disabled_by == "gone"

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

    def test_stays_the_slow_one_for_a_while_although_the_next_try_is_soon_over(
        self, sink: Sink, monkeypatch
    ):
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop, 3)
        with monkeypatch.context() as slow:
            slow.setattr("webhooks.health.SLOW_SECONDS", 0.0)
            run_due()
        sell(endpoint.shop)

        run_due()
        soon = endpoint.row.is_slow
        rows("UPDATE webhooks_endpoint SET slow_until = now()")
        sell(endpoint.shop)
        drain()

        assert (soon, endpoint.row.is_slow, endpoint.row.slow_until) == (True, False, None)

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

    def test_is_not_disabled_for_what_failed_long_before_it_was_sent_nothing(self, sink: Sink):
        sink.statuses = [500]
        endpoint = told(sink.url, events=["payment.created"])
        rows(
            "UPDATE webhooks_endpoint SET failures = 2, failed_at = now() - interval '37 hours',"
            " failing_since = now() - interval '80 hours'"
        )
        sell(endpoint.shop)

        run_due()

        assert (endpoint.row.status, endpoint.row.failures) == ("enabled", 1)

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


def lanes() -> list[str]:
    """Return the lanes of what is to be delivered."""
    sql = "SELECT lane FROM outbox_message WHERE state = 0 AND lane LIKE 'deliver%%'"
    return [lane for (lane,) in rows(sql)]
