"""A payment's timeline has what endpoints were sent of it."""

import pytest

from payments.events import public_id
from payments.models import Event
from tests.money import drain
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
