"""What was sent can be seen, and sent again."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections

from core.db import rows
from tests.money import drain, hurry, problem, run_due
from tests.webhooks.endpoint_shop import number, numbers, patch, sell, told
from tests.webhooks.sinks import Sink, a_sink
from webhooks import resending
from webhooks.models import Delivery, DeliveryAttempt

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def sink(settings):
    with a_sink() as made:
        settings.WEBHOOK_TEST_HOSTS = frozenset({made.host, "127.0.0.1:1"})
        yield made


class TestTheLog:
    def test_shows_deliveries_newest_first_with_their_attempts(self, sink: Sink):
        sink.statuses = [503, 200]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        run_due()
        hurry()
        run_due()
        sell(endpoint.shop)
        drain()

        first = endpoint.shop.get(f"{endpoint.path}deliveries/", limit="1").json()
        rest = endpoint.shop.get(f"{endpoint.path}deliveries/", cursor=first["next"]).json()

        shown = [one["number"] for one in first["results"] + rest["results"]]
        assert shown == numbers("payment.created")[::-1]
        (old,) = rest["results"]
        assert (old["status"], old["type"], old["reason"]) == ("succeeded", "payment.created", None)
        assert [(one["result"], one["status_code"]) for one in old["attempts"]] == [
            ("refused", 503),
            ("succeeded", 200),
        ]
        assert rest["next"] is None
        alone = endpoint.shop.get(f"{endpoint.path}deliveries/{old['id']}/")
        assert alone.json() == old

    def test_tells_nobody_what_an_address_without_an_answer_is(self, sink: Sink):
        endpoint = told("http://127.0.0.1:1/", events=["payment.created"])
        sell(endpoint.shop)
        run_due()

        before = seen(endpoint)
        rows(
            "UPDATE webhooks_delivery SET hidden_until = now(),"
            " next_attempt_at = next_attempt_at - interval '15 seconds'"
        )
        after = seen(endpoint)

        assert (before["status"], before["next_attempt_at"]) == ("pending", None)
        assert [one["result"] for one in before["attempts"]] == [None]
        assert after["next_attempt_at"] is not None
        assert "detail" not in after["attempts"][0]
        assert "excerpt" not in after["attempts"][0]

    def test_lets_an_unanswered_try_wait_as_long_as_a_silent_one(self, sink: Sink):
        endpoint = told("http://127.0.0.1:1/", events=["payment.created"])
        sell(endpoint.shop)

        run_due()

        ((waits,),) = rows("SELECT available_at - now() FROM outbox_message WHERE state = 0")
        assert timedelta(seconds=18) < waits < timedelta(seconds=21.5)


def seen(endpoint):
    path = f"{endpoint.path}deliveries/"
    return endpoint.shop.get(path).json()["results"][0]


class TestSendingAgain:
    def test_sends_the_same_bytes_under_the_same_id(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        drain()
        (delivery,) = endpoint.deliveries()

        answer = endpoint.post(f"deliveries/{delivery.id}/resend")
        drain()

        assert answer.status_code == 202
        assert len(sink.came) == 2
        assert sink.came[0].body == sink.came[1].body
        assert sink.came[0].headers["webhook-id"] == sink.came[1].headers["webhook-id"]
        assert DeliveryAttempt.objects.count() == 2

    def test_happens_once_for_one_key(self, sink: Sink):
        endpoint, key = told(sink.url, events=["payment.created"]), str(uuid4())
        sell(endpoint.shop)
        drain()
        (delivery,) = endpoint.deliveries()

        for _ in range(2):
            endpoint.post(f"deliveries/{delivery.id}/resend", key=key)
            drain()

        assert len(sink.came) == 2

    def test_of_a_range_is_done_although_it_is_being_numbered(self, sink: Sink, monkeypatch):
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        drain()
        endpoint.shop.accepted()
        before = resending._send_again

        def numbered_meanwhile(deliveries):
            before(deliveries)
            with ThreadPoolExecutor(1) as other:
                other.submit(number).result(10)
                other.submit(connections.close_all).result(10)

        monkeypatch.setattr(resending, "_send_again", numbered_meanwhile)
        answer = endpoint.post("resend", {"after": 0, "until": 500})
        drain()

        assert answer.status_code == 202
        assert sorted(one.status for one in endpoint.deliveries()) == ["succeeded"] * 2
        assert len(sink.came) == 3

    def test_begins_a_new_schedule_for_what_was_given_up(self, sink: Sink):
        sink.statuses = [500]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        for _ in range(10):
            run_due()
            hurry()
        (delivery,) = endpoint.deliveries()
        assert delivery.status == "failed"
        patch(endpoint.shop, endpoint.path, {"status": "enabled"})

        endpoint.post(f"deliveries/{delivery.id}/resend")
        run_due()

        (delivery,) = endpoint.deliveries()
        assert (delivery.status, delivery.tries) == ("pending", 1)
        sink.statuses = [200]
        hurry()
        drain()
        assert endpoint.deliveries()[0].status == "succeeded"

    def test_hurries_what_waits(self, sink: Sink):
        sink.statuses = [500, 200]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        run_due()
        (delivery,) = endpoint.deliveries()

        endpoint.post(f"deliveries/{delivery.id}/resend")
        drain()

        assert len(sink.came) == 2
        assert rows("SELECT count(*) FROM outbox_message WHERE kind = 'deliver'") == [(1,)]

    def test_of_a_range_sends_each_of_it_also_what_was_never_sent(self, sink: Sink):
        early = told(sink.url, events=["refund.created"])
        sell(early.shop, 3)
        late = told(sink.url, shop=early.shop)
        known = told(sink.url, shop=early.shop)
        known.post("resend", {"after": 0, "until": 2})
        drain()
        sink.came.clear()

        answer = late.post("resend", {"after": 1, "until": 5})
        drain()

        assert answer.status_code == 202
        assert answer.json() == {"endpoint": late.id, "after": 1, "until": 5, "deliveries": 4}
        assert sorted(json.loads(came.body)["number"] for came in sink.came) == [2, 3, 4, 5]
        assert all(came.verified_with(late.secret) for came in sink.came)
        bodies = {came.headers["webhook-id"]: came.body for came in sink.came}
        sink.came.clear()
        known.post("resend", {"after": 0, "until": 6})
        drain()
        assert sorted(json.loads(came.body)["number"] for came in sink.came) == [*range(1, 7)]
        for came in sink.came:
            assert bodies.get(came.headers["webhook-id"], came.body) == came.body

    def test_of_a_range_happens_once_for_one_key(self, sink: Sink):
        endpoint, key = told(sink.url), str(uuid4())
        sell(endpoint.shop, 2)
        drain()
        count = Delivery.objects.count()

        for _ in range(2):
            assert endpoint.post("resend", {"after": 0, "until": 9}, key).status_code == 202
            drain()

        assert len(sink.came) == 2 * count

    @pytest.mark.parametrize(
        "body",
        [
            *({}, {"after": 0}, {"after": 5, "until": 5}, {"after": 9, "until": 5}),
            *({"after": 0, "until": 1001}, {"after": -1, "until": 5}, {"after": "0", "until": 5}),
            {"after": 0, "until": 10**30},
        ],
    )
    def test_of_a_range_has_its_bounds(self, sink: Sink, body):
        answer = told(sink.url).post("resend", body)

        assert answer.status_code in {400, 422}

    def test_is_refused_while_the_endpoint_is_disabled(self, sink: Sink):
        sink.statuses = [410]
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        drain()
        (delivery,) = endpoint.deliveries()

        one = endpoint.post(f"deliveries/{delivery.id}/resend")
        many = endpoint.post("resend", {"after": 0, "until": 9})

        assert problem(one) == problem(many) == (409, "invalid-state")

    def test_of_another_endpoints_delivery_is_not_possible(self, sink: Sink):
        endpoint = told(sink.url)
        other = told(sink.url, shop=endpoint.shop)
        sell(endpoint.shop)
        delivery = other.deliveries()[0]

        assert endpoint.post(f"deliveries/{delivery.id}/resend").status_code == 404
