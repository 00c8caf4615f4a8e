"""Sends again what was sent, or what an endpoint should have been sent."""

import json
from collections.abc import Sequence
from uuid import UUID

from core.db import needs_transaction, transaction_time
from core.errors import Problem
from core.ids import uuid7
from outbox import staging
from outbox.models import Message, State
from payments.events import public_id
from payments.models import EventNumber
from payments.numbering import Numbered
from payments.representation import timestamp
from webhooks import fanout
from webhooks.models import Body, Delivery, DeliveryStatus, Endpoint
from webhooks.rendering import to_json

# The numbers that one call may cover; more is another call, from where this one ended.
RANGE_MAX = 1_000
TEST = "webhook_endpoint.test"
_ACTIVE = [State.PENDING, State.IN_FLIGHT, State.HELD]


@needs_transaction
def send_test(endpoint: Endpoint) -> Delivery:
    """Have an endpoint sent an event that says nothing but that it came. Needs its lock.

    :raises Problem: ``invalid-state`` if it is disabled
    """
    _refuse_if_closed(endpoint)
    event_id, now = uuid7(), transaction_time()
    body = Body.objects.create(
        id=event_id,
        merchant_id=endpoint.merchant_id,
        mode=endpoint.mode,
        type=TEST,
        content=to_json(
            {
                "id": public_id(event_id),
                "type": TEST,
                "timestamp": timestamp(now),
                "number": None,
                "mode": str(endpoint.mode),
                "object": {"type": "webhook_endpoint", "id": str(endpoint.id)},
                "version": endpoint.version,
                "data": {"id": str(endpoint.id)},
            }
        ),
    )
    (delivery,) = fanout.stage([(endpoint, event_id)])
    Delivery.objects.filter(id=delivery.id).update(is_asked=True)
    delivery.body, delivery.created_at = body, now
    return delivery


@needs_transaction
def send_again(endpoint: Endpoint, delivery_id: UUID) -> Delivery:
    """Have a delivery sent again, now and by a new schedule. Needs the endpoint's lock.

    :raises Problem: ``not-found``, or ``invalid-state`` if the endpoint is disabled
    """
    _refuse_if_closed(endpoint)
    mine = Delivery.objects.filter(endpoint=endpoint, id=delivery_id).select_related("body")
    delivery = mine.select_for_update(no_key=True, of=("self",)).first()
    if delivery is None:
        raise Problem("not-found")
    delivery.endpoint, delivery.is_asked = endpoint, True
    _send_again([delivery])
    return delivery


@needs_transaction
def send_range(endpoint: Endpoint, after: int, until: int) -> int:
    """Have the events with these numbers sent, those it never was, too; return how many.

    What the endpoint does not want is left out. Needs its lock.

    :raises Problem: ``invalid-state`` if the endpoint is disabled
    """
    _refuse_if_closed(endpoint)
    # First, for what is numbered meanwhile commits with its delivery: of all that is seen here the
    # deliveries are seen next.
    numbered = _numbered(endpoint, after, until)
    known = Delivery.objects.filter(
        endpoint=endpoint,
        # The index over numbers begins with these.
        body__merchant_id=endpoint.merchant_id,
        body__mode=endpoint.mode,
        body__number__gt=after,
        body__number__lte=until,
    )
    again = list(
        known.order_by("id").select_related("body").select_for_update(no_key=True, of=("self",))
    )
    for delivery in again:
        delivery.endpoint = endpoint
    _send_again(again)
    told = {delivery.body_id for delivery in again}
    new = [event for event in numbered
           if event.id not in told and fanout.wants(endpoint, event.type)]  # fmt: skip
    fanout.write_bodies(new)
    fanout.stage([(endpoint, event.id) for event in new])
    return len(again) + len(new)


def _refuse_if_closed(endpoint: Endpoint) -> None:
    if not endpoint.is_open:
        raise Problem("invalid-state", "The endpoint is disabled; enable it first.")


def _send_again(deliveries: Sequence[Delivery]) -> None:
    """Begin a new schedule for each; what is under way, or waits, goes now.

    But not before it may be shown what the last try met.
    """
    for delivery in deliveries:
        delivery.status, delivery.reason, delivery.tries = DeliveryStatus.PENDING, "", 0
        delivery.next_attempt_at = delivery.finished_at = None
    Delivery.objects.bulk_update(
        deliveries, ["status", "reason", "tries", "is_asked", "next_attempt_at", "finished_at"]
    )
    ids = [delivery.id for delivery in deliveries]
    staging.hasten(ids)
    waiting = Message.objects.filter(subject_id__in=ids, state__in=_ACTIVE)
    active = set(waiting.values_list("subject_id", flat=True))
    fanout.send([delivery for delivery in deliveries if delivery.id not in active])


def _numbered(endpoint: Endpoint, after: int, until: int) -> list[Numbered]:
    found = EventNumber.objects.filter(
        merchant_id=endpoint.merchant_id,
        mode=endpoint.mode,
        number__gt=after,
        number__lte=until,
    )
    return [
        Numbered(
            id=place.event_id,
            merchant_id=place.merchant_id,
            mode=place.mode,
            number=place.number,
            type=place.event.type,
            aggregate_type=place.event.aggregate_type,
            aggregate_id=place.event.aggregate_id,
            version=place.event.version,
            payload=json.dumps(place.event.payload),
            created_at=place.event.created_at,
        )
        for place in found.select_related("event").order_by("number")
    ]
