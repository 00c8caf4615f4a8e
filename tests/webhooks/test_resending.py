"""What was sent can be sent again."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections

from core.db import rows, transaction
from outbox.handling import Started
from tests.money import drain, hurry, problem, run_due
from tests.webhooks.conftest import SILENT
from tests.webhooks.endpoint_shop import attempts, number, patch, sell, told, wait
from tests.webhooks.sinks import Sink
from webhooks import resending
from webhooks.delivering import DeliveryHandler
from webhooks.models import Delivery, DeliveryAttempt

pytestmark = pytest.mark.usefixtures("committed_db")


def waiting() -> timedelta:
    """Return how long the one delivery waits, as it has to."""
    found = wait()
    assert found is not None
    return found


def test_sending_again_sends_the_same_bytes_under_the_same_id(sink: Sink):
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


def test_sending_again_waits_until_the_last_try_may_be_spoken_of(sink: Sink):
    endpoint = told(SILENT, events=["payment.created"])
    sell(endpoint.shop)
    run_due()
    (delivery,) = endpoint.deliveries()

    endpoint.post(f"deliveries/{delivery.id}/resend")
    run_due()

    assert DeliveryAttempt.objects.count() == 1
    assert endpoint.newest()["status"] == "pending"
    assert timedelta(seconds=10) < waiting() <= timedelta(seconds=15)
    rows("UPDATE webhooks_delivery SET hidden_until = now()")
    hurry()
    run_due()
    assert DeliveryAttempt.objects.count() == 2


def test_sending_again_waits_as_long_when_it_was_asked_for_meanwhile(sink: Sink):
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


def test_sending_again_happens_although_the_try_under_way_succeeds(sink: Sink):
    endpoint = told(sink.url, events=["payment.created"])
    sell(endpoint.shop)
    (delivery,) = endpoint.deliveries()

    def take(handler) -> None:
        sink.answer = None
        assert endpoint.post(f"deliveries/{delivery.id}/resend").status_code == 202
        handler.send_response(204)
        handler.end_headers()

    sink.answer = take
    run_due()
    between = endpoint.deliveries()[0].status
    run_due()

    assert len(sink.came) == 2
    (delivery,) = endpoint.deliveries()
    assert (between, delivery.status, delivery.tries) == ("pending", "succeeded", 1)
    assert not delivery.is_asked


def test_sending_again_is_not_done_by_a_success_of_a_worker_that_came_too_late(sink: Sink):
    endpoint = told(sink.url, events=["payment.created"])
    sell(endpoint.shop)
    run_due()
    ((message_id, epoch),) = rows("SELECT message_id, epoch FROM webhooks_deliveryattempt")
    (delivery,) = endpoint.deliveries()
    endpoint.post(f"deliveries/{delivery.id}/resend")
    late = Started(message_id, epoch, "deliver", "deliver:x", delivery.id, 1, 0, 25, "")

    with transaction():
        DeliveryHandler().refold(DeliveryHandler().load([delivery.id]), [late])
    between = endpoint.deliveries()[0].status
    run_due()

    assert between == "pending"
    assert len(sink.came) == 2


def test_sending_again_happens_once_for_one_key(sink: Sink):
    endpoint, key = told(sink.url, events=["payment.created"]), str(uuid4())
    sell(endpoint.shop)
    drain()
    (delivery,) = endpoint.deliveries()

    for _ in range(2):
        endpoint.post(f"deliveries/{delivery.id}/resend", key=key)
        drain()

    assert len(sink.came) == 2


def test_sending_a_range_again_is_done_although_it_is_being_numbered(sink: Sink, monkeypatch):
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


def test_sending_again_begins_a_new_schedule_for_what_was_given_up(sink: Sink):
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


def test_sending_again_hurries_what_waits(sink: Sink):
    sink.statuses = [500, 200]
    endpoint = told(sink.url, events=["payment.created"])
    sell(endpoint.shop)
    run_due()
    (delivery,) = endpoint.deliveries()

    endpoint.post(f"deliveries/{delivery.id}/resend")
    drain()

    assert len(sink.came) == 2
    assert rows("SELECT count(*) FROM outbox_message WHERE kind = 'deliver'") == [(1,)]


def test_sending_a_range_again_sends_each_of_it_also_what_was_never_sent(sink: Sink):
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


def test_sending_a_range_again_happens_once_for_one_key(sink: Sink):
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
def test_sending_a_range_again_has_its_bounds(sink: Sink, body):
    answer = told(sink.url).post("resend", body)

    assert answer.status_code in {400, 422}


def test_sending_again_is_refused_while_the_endpoint_is_disabled(sink: Sink):
    sink.statuses = [410]
    endpoint = told(sink.url, events=["payment.created"])
    sell(endpoint.shop)
    drain()
    (delivery,) = endpoint.deliveries()

    one = endpoint.post(f"deliveries/{delivery.id}/resend")
    many = endpoint.post("resend", {"after": 0, "until": 9})

    assert problem(one) == problem(many) == (409, "invalid-state")


def test_sending_again_of_another_endpoints_delivery_is_not_possible(sink: Sink):
    endpoint = told(sink.url)
    other = told(sink.url, shop=endpoint.shop)
    sell(endpoint.shop)
    delivery = other.deliveries()[0]

    assert endpoint.post(f"deliveries/{delivery.id}/resend").status_code == 404
