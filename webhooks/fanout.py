"""Has every endpoint that wants an event told of it: a body once, a delivery and a message each."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

from core.db import after_commit, needs_transaction
from core.logging import current
from outbox import staging
from outbox.waking import wake
from payments.numbering import Numbered
from webhooks.models import Body, Delivery, Endpoint, EndpointStatus
from webhooks.rendering import content

DELIVER = "deliver"
# Endpoints that let us wait have lanes of their own kind, which share a small part of the slots.
SLOWLY = "deliver_slowly"
ALL_EVENTS = "*"
_TAIL = 16


def lane(endpoint: Endpoint) -> str:
    """Return the lane of an endpoint: first whose it is, for merchants have equal shares."""
    # The end of an id is its random part; a lane that two endpoints shared would only be slower.
    kind = SLOWLY if endpoint.is_slow else DELIVER
    return f"{kind}:{endpoint.merchant_id.hex}.{endpoint.id.hex[-_TAIL:]}"


def wants(endpoint: Endpoint, event_type: str) -> bool:
    """Tell whether an endpoint is told of events of this type."""
    return ALL_EVENTS in endpoint.events or event_type in endpoint.events


@needs_transaction
def fan_out(numbered: Sequence[Numbered]) -> None:
    """Stage what events mean to endpoints, in the transaction that gives them their numbers."""
    endpoints = _of_feeds({(event.merchant_id, event.mode) for event in numbered})
    wanted = [
        (endpoint, event)
        for event in numbered
        for endpoint in endpoints[event.merchant_id, event.mode]
        if wants(endpoint, event.type)
    ]
    if wanted:
        write_bodies({event.id: event for _, event in wanted}.values())
        stage([(endpoint, event.id) for endpoint, event in wanted])


def _of_feeds(feeds: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], list[Endpoint]]:
    found: defaultdict[tuple[UUID, str], list[Endpoint]] = defaultdict(list)
    mine = Endpoint.objects.filter(
        merchant_id__in={merchant_id for merchant_id, _ in feeds},
        status=EndpointStatus.ENABLED,
        deleted_at=None,
    )
    for endpoint in mine:
        found[endpoint.merchant_id, endpoint.mode].append(endpoint)
    return found


@needs_transaction
def write_bodies(events: Iterable[Numbered]) -> None:
    """Write the bodies of events that have none yet."""
    Body.objects.bulk_create(
        (
            Body(
                id=event.id,
                merchant_id=event.merchant_id,
                mode=event.mode,
                number=event.number,
                type=event.type,
                content=content(event),
            )
            for event in events
        ),
        ignore_conflicts=True,
    )


@needs_transaction
def stage(wanted: Sequence[tuple[Endpoint, UUID]]) -> list[Delivery]:
    """Have bodies delivered to endpoints to which they were not before; return the deliveries."""
    deliveries = [Delivery(endpoint=endpoint, body_id=event_id) for endpoint, event_id in wanted]
    Delivery.objects.bulk_create(deliveries)
    send(deliveries)
    return deliveries


@needs_transaction
def send(deliveries: Sequence[Delivery]) -> None:
    """Stage the messages of deliveries that have none, and hint at them after the commit."""
    messages = [(lane(one.endpoint), one.id) for one in deliveries]
    staging.stage_all(kind=DELIVER, wanted=messages, trace=current("request_id") or "")
    for name in dict(messages):
        after_commit(partial(wake, name))
