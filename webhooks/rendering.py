"""The bytes that tell of an event, and how endpoints and deliveries look to merchants."""

import json
from datetime import datetime, timedelta
from typing import Any

from payments.events import public_id
from payments.numbering import Numbered
from payments.representation import timestamp
from webhooks.models import Delivery, DeliveryAttempt, DeliveryStatus, Endpoint, Result
from webhooks.posting import TOTAL_SECONDS


def content(event: Numbered) -> str:
    """Return the body that tells of an event, the same whenever it is asked for."""
    return to_json(
        {
            "id": public_id(event.id),
            "type": event.type,
            "timestamp": timestamp(event.created_at),
            "number": event.number,
            "mode": str(event.mode),
            "object": {"type": event.aggregate_type, "id": str(event.aggregate_id)},
            "version": event.version,
            "data": json.loads(event.payload),
        }
    )


def to_json(value: Any) -> str:
    """Return the compact JSON text of a value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def endpoint_dict(endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint, without its secret."""
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "events": endpoint.events,
        "description": endpoint.description or None,
        "status": str(endpoint.status),
        "disabled_by": str(endpoint.disabled_by) or None,
        "disabled_at": timestamp(endpoint.disabled_at),
        "created_at": timestamp(endpoint.created_at),
        "updated_at": timestamp(endpoint.updated_at),
    }


def delivery_dict(delivery: Delivery, now: datetime) -> dict[str, Any]:
    """Return a delivery, whose body is read; what its last try met, not before it may be shown."""
    finished_at = delivery.finished_at
    if delivery.hidden_until:
        is_hidden = now < delivery.hidden_until
        finished_at = finished_at and max(finished_at, delivery.hidden_until)
    else:
        is_hidden = False
    return {
        "id": str(delivery.id),
        "event": public_id(delivery.body_id),
        "number": delivery.body.number,
        "type": delivery.body.type,
        "status": DeliveryStatus.PENDING.value if is_hidden else str(delivery.status),
        "reason": None if is_hidden else delivery.reason or None,
        "next_attempt_at": None if is_hidden else timestamp(delivery.next_attempt_at),
        "created_at": timestamp(delivery.created_at),
        "finished_at": None if is_hidden else timestamp(finished_at),
    }


def attempt_dict(attempt: DeliveryAttempt, now: datetime) -> dict[str, Any]:
    """Return an attempt.

    An address that refuses, one that hangs up and one that is silent look the same, and at the same
    time: a merchant must not learn from us what is open in a network that they cannot reach.
    """
    result, status = attempt.result, attempt.status_code
    if result in {Result.NO_ANSWER, Result.FORBIDDEN}:
        is_told = now >= attempt.intended_at + timedelta(seconds=TOTAL_SECONDS)
        result = Result.NO_ANSWER if is_told else ""
    return {
        "id": str(attempt.id),
        "attempted_at": timestamp(attempt.intended_at),
        "result": str(result) or None,
        "status_code": status,
    }
