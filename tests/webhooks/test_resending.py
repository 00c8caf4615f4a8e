"""What was sent can be seen, and sent again."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections

from core.db import rows
from tests.money import drain, hurry, problem, run_due
from tests.webhooks.endpoint_shop import attempts, number, numbers, patch, sell, told, wait
from tests.webhooks.sinks import Sink, a_sink
from webhooks import resending
from webhooks.api import NEWEST_ATTEMPTS
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

    def test_shows_the_last_attempts_of_each(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop, 2)
        drain()
        first, second = endpoint.deliveries()
        made = [DeliveryAttempt(delivery=first, message_id=uuid4(), epoch=1) for _ in range(30)]
        DeliveryAttempt.objects.bulk_create(made)

        answer = endpoint.shop.get(f"{endpoint.path}deliveries/")
        alone = endpoint.shop.get(f"{endpoint.path}deliveries/{first.id}/").json()

        shown = {one["id"]: one["attempts"] for one in answer.json()["results"]}
        assert [one["id"] for one in shown[str(first.id)]] == [str(one.id) for one in made[-20:]]
        assert len(shown[str(second.id)]) == 1
        assert alone["attempts"] == shown[str(first.id)]

    def test_reads_no_attempts_but_those_it_shows(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        (delivery,) = endpoint.deliveries()
        rows(MANY_ATTEMPTS, [str(delivery.id)])
        rows("ANALYZE webhooks_deliveryattempt")

        found = rows(f"EXPLAIN (ANALYZE) {NEWEST_ATTEMPTS}", ([str(delivery.id)], 20))

        plan = "\n".join(line for (line,) in found)
        assert "delivery_attempt_newest_first" in plan
        assert "Sort" not in plan


def waiting() -> timedelta:
    """Return how long the one delivery waits, as it has to."""
    found = wait()
    assert found is not None
    return found


MANY_ATTEMPTS = """
    INSERT INTO webhooks_deliveryattempt
        (id, delivery_id, message_id, epoch, result, detail, excerpt)
    SELECT gen_random_uuid(), %s, gen_random_uuid(), 1, '', '', '' FROM generate_series(1, 3000)
"""


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

    def test_waits_until_the_last_try_may_be_spoken_of(self, sink: Sink):
        endpoint = told("http://127.0.0.1:1/", events=["payment.created"])
        sell(endpoint.shop)
        run_due()
        (delivery,) = endpoint.deliveries()

        endpoint.post(f"deliveries/{delivery.id}/resend")
        run_due()

        assert DeliveryAttempt.objects.count() == 1
        assert seen(endpoint)["status"] == "pending"
        assert timedelta(seconds=10) < waiting() <= timedelta(seconds=15)
        rows("UPDATE webhooks_delivery SET hidden_until = now()")
        hurry()
        run_due()
        assert DeliveryAttempt.objects.count() == 2

    def test_waits_as_long_when_it_was_asked_for_meanwhile(self, sink: Sink):
        endpoint = told(sink.url, events=["payment.created"])
        sell(endpoint.shop)
        (delivery,) = endpoint.deliveries()

        def hang_up(handler) -> None:
            assert endpoint.post(f"deliveries/{delivery.id}/resend").status_code == 202
            handler.close_connection = True

        sink.answer = hang_up
        run_due()
        sink.answer = None
        run_due()

        assert [one.result for one in attempts()] == ["no_answer"]
        assert timedelta(seconds=10) < waiting() <= timedelta(seconds=15)

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
