"""An endpoint that can take nothing now is left alone, but for what its merchant asks for."""

from datetime import timedelta

import pytest

from core.db import rows
from payments.events import public_id
from tests.money import hurry, run_due
from tests.webhooks.endpoint_shop import Told, sell, told
from tests.webhooks.sinks import Sink

pytestmark = pytest.mark.usefixtures("committed_db")


class TestAnEndpointThatAsksForPatience:
    def test_is_sent_nothing_else_for_so_long(self, sink: Sink):
        sink.statuses, sink.headers = [429], {"Retry-After": "600"}
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        run_due()

        sell(endpoint.shop)
        run_due()

        assert len(sink.came) == 1
        assert timedelta(seconds=590) < longest_wait() < timedelta(seconds=661)
        assert sorted(one.tries for one in endpoint.deliveries()) == [0, 1]

    def test_is_sent_what_its_merchant_asks_for(self, sink: Sink):
        sink.statuses, sink.headers = [429, 200], {"Retry-After": "600"}
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        run_due()

        endpoint.post("test")
        run_due()

        assert len(sink.came) == 2
        assert endpoint.row.probe_at is None

    def test_waits_for_an_hour_with_what_it_has_not_refused(self, sink: Sink):
        sink.statuses, sink.headers = [429], {"Retry-After": "80000"}
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)

        run_due()

        (until,) = rows("SELECT probe_at - now() FROM webhooks_endpoint")[0]
        assert timedelta(minutes=59) < until <= timedelta(hours=1)
        assert longest_wait() > timedelta(hours=22)


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

        assert timedelta(seconds=28) < longest_wait() < timedelta(seconds=90)

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

        assert timedelta(minutes=4.9) < longest_wait() < timedelta(minutes=15)


def longest_wait() -> timedelta:
    """Return how long the message waits that waits longest."""
    sql = "SELECT max(available_at) - now() FROM outbox_message WHERE state = 0"
    found: timedelta = rows(sql)[0][0]
    return found


def failing(sink: Sink) -> Told:
    endpoint = told(sink.url, events=["payment.created"])
    rows("UPDATE webhooks_endpoint SET failures = 50, failing_since = now()")
    return endpoint
