"""A payment's timeline has what endpoints were sent of it."""

from typing import Any

import pytest

from core.db import OPERATOR, acting_as
from payments.events import public_id
from payments.models import Attempt, Event, Payment
from payments.operating import end_review, sight_of
from tests.desk import Desk, timeline
from tests.money import a_shop, drain, run_due
from tests.money import told as came
from tests.webhooks import endpoint_shop
from tests.webhooks.sinks import Sink

pytestmark = pytest.mark.usefixtures("committed_db")


def test_a_delivery_stands_behind_its_event(sink: Sink):
    endpoint = endpoint_shop.told(sink.url, events=["payment.succeeded"])
    payment = endpoint.shop.sold()
    endpoint_shop.number()
    drain()
    event = Event.objects.get(aggregate_id=payment.id, type="payment.succeeded")

    found = endpoint.shop.get(f"/api/payments/{payment.id}/timeline/").json()["results"]

    (delivery,) = [one for one in found if one["kind"] == "delivery"]
    assert delivery["object"] == {"type": "payment", "id": str(payment.id)}
    assert delivery["facts"].items() >= {
        ("endpoint", endpoint.id),
        ("event", public_id(event.id)),
        ("status", "succeeded"),
    }
    told = [one for one in found if one["id"] == public_id(event.id)]
    assert found.index(told[0]) < found.index(delivery)
    (message,) = does(found, "deliver")
    assert message["facts"]["state"] == "done"
    assert found.index(delivery) < found.index(message)


def test_a_delivery_that_waits_has_its_message_too(sink: Sink):
    sink.statuses = [500]
    endpoint = endpoint_shop.told(sink.url, events=["payment.succeeded"])
    payment = endpoint.shop.sold()
    endpoint_shop.number()
    run_due()

    found = endpoint.shop.get(f"/api/payments/{payment.id}/timeline/").json()["results"]

    assert [one["facts"]["state"] for one in does(found, "deliver")] == ["pending"]


def test_a_providers_webhook_has_the_message_that_applied_it():
    shop = a_shop()
    payment = shop.accepted(gateway="mock", payment_method="tok_pending_success")
    drain()
    came(payment, "charge.succeeded", provider_id=Attempt.objects.get().provider_id)
    drain()

    found = shop.get(f"/api/payments/{payment.id}/timeline/").json()["results"]

    (event,) = [one for one in found if one["kind"] == "provider_event"]
    (message,) = does(found, "apply")
    assert message["facts"]["state"] == "done"
    assert found.index(event) < found.index(message)


def test_operators_see_the_same_deliveries_messages_and_acts_included(sink: Sink):
    endpoint = endpoint_shop.told(sink.url)
    payment = endpoint.shop.sold()
    came(payment, "charge.succeeded", provider_id="ch_other")
    drain()
    endpoint_shop.number()
    drain()
    payment.refresh_from_db()
    with acting_as(OPERATOR):
        version, seen_as = payment.version, sight_of(Payment.objects.get(id=payment.id))
        end_review(payment.id, version=version, seen_as=seen_as, actor="ada", reason="seen")
    found = endpoint.shop.get(f"/api/payments/{payment.id}/timeline/").json()["results"]

    shown = timeline(Desk(), payment.id)

    assert {"delivery", "message", "operator_act", "provider_event"} <= {
        one["kind"] for one in found
    }
    for one, row in zip(found, shown, strict=True):
        assert f" {one['kind'].replace('_', ' ')} {one['object']['type']} " in row
        for name, value in one["facts"].items():
            assert value is None or f"{name.replace('_', ' ')}: {value}" in row


def does(found: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [one for one in found if one["kind"] == "message" and one["facts"]["does"] == what]
