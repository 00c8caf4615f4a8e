"""A merchant sees what was sent, and what came of it."""

from datetime import timedelta
from uuid import uuid4

import pytest

from core.db import rows
from tests.money import drain, hurry, run_due
from tests.webhooks.conftest import SILENT
from tests.webhooks.endpoint_shop import numbers, sell, told
from tests.webhooks.sinks import Sink
from webhooks.models import DeliveryAttempt
from webhooks.trail import NEWEST_ATTEMPTS

pytestmark = pytest.mark.usefixtures("committed_db")

MANY_ATTEMPTS = """
    INSERT INTO webhooks_deliveryattempt
        (id, delivery_id, message_id, epoch, result, detail, excerpt)
    SELECT gen_random_uuid(), %s, gen_random_uuid(), 1, '', '', '' FROM generate_series(1, 3000)
"""


def test_the_log_shows_deliveries_newest_first_with_their_attempts(sink: Sink):
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


def test_the_log_tells_nobody_what_an_address_without_an_answer_is(sink: Sink):
    endpoint = told(SILENT, events=["payment.created"])
    sell(endpoint.shop)
    run_due()

    before = endpoint.newest()
    rows(
        "UPDATE webhooks_delivery SET hidden_until = now(),"
        " next_attempt_at = next_attempt_at - interval '15 seconds'"
    )
    after = endpoint.newest()

    assert (before["status"], before["next_attempt_at"]) == ("pending", None)
    assert [one["result"] for one in before["attempts"]] == [None]
    assert after["next_attempt_at"] is not None
    assert "detail" not in after["attempts"][0]
    assert "excerpt" not in after["attempts"][0]


def test_an_unanswered_try_waits_as_long_as_a_silent_one(sink: Sink):
    endpoint = told(SILENT, events=["payment.created"])
    sell(endpoint.shop)

    run_due()

    ((waits,),) = rows("SELECT available_at - now() FROM outbox_message WHERE state = 0")
    assert timedelta(seconds=18) < waits < timedelta(seconds=21.5)


def test_the_log_shows_the_last_attempts_of_each(sink: Sink):
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


def test_the_log_reads_no_attempts_but_those_it_shows(sink: Sink):
    endpoint = told(sink.url, events=["payment.created"])
    sell(endpoint.shop)
    (delivery,) = endpoint.deliveries()
    rows(MANY_ATTEMPTS, [str(delivery.id)])
    rows("ANALYZE webhooks_deliveryattempt")

    found = rows(f"EXPLAIN (ANALYZE) {NEWEST_ATTEMPTS}", ([str(delivery.id)], 20))

    plan = "\n".join(line for (line,) in found)
    assert "delivery_attempt_newest_first" in plan
    assert "Sort" not in plan
