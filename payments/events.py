"""Events as merchants see them: which there are, what their ids look like, what one says.

The feed and the webhooks show the same members; ``docs/merchants/events.md`` has the same types.
"""

import json
from base64 import b32decode, b32encode
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from payments.models import EventNumber
from payments.numbering import Numbered
from payments.representation import timestamp

TYPES: Mapping[str, str] = MappingProxyType(
    {
        "payment.created": "The payment was accepted.",
        "payment.processing": "The payment is being carried out; a provider may hear of it.",
        "payment.requires_action": "The payer has to act, at the address in next_action.",
        "payment.next_action_changed": "The payer has to act at another address.",
        "payment.authorized": "The money is held; it can be captured or let go.",
        "payment.authorized_late": "The money is held after all: it had been given up.",
        "payment.succeeded": "The money moved.",
        "payment.succeeded_late": "The money moved after all: it had been given up.",
        "payment.failed": "The money did not move.",
        "payment.canceled": "The payment was let go; no money will move.",
        "payment.expired": "The time to act or to capture ran out; no money will move.",
        "payment.capture_failed": "What is held could not be captured; it is still held.",
        "payment.cancel_failed": "What is held could not be let go; it is still held.",
        "payment.refunded": "All of the payment has gone back.",
        "payment.captured_again": "The provider took the money once more; we hold it.",
        "payment.outcome_unknown": "The provider does not answer; we keep asking.",
        "payment.needs_review": "A person looks at the payment.",
        "payment.review_ended": "A person has looked at the payment.",
        "refund.created": "The refund was accepted, or was made at the provider.",
        "refund.succeeded": "The money went back.",
        "refund.succeeded_late": "The money went back after all: it had been reported as failed.",
        "refund.succeeded_again": "The provider sent the money back once more; we bear it.",
        "refund.failed": "The money did not go back.",
        "dispute.opened": "The payer disputes the payment; the provider took the amount back.",
        "dispute.won": "The dispute is won; the amount is available again.",
        "dispute.lost": "The dispute is lost; the amount is gone.",
        "webhook_endpoint.disabled": "Nothing more is sent to an endpoint of yours.",
        "webhook_endpoint.enabled": "An endpoint of yours is sent to again.",
    }
)

_PREFIX = "evt_"
# Base32 of a UUID without its padding.
_ID_LENGTH, _PADDING = 26, "======"


def public_id(event_id: UUID) -> str:
    """Return an event's id as merchants know it: letters, digits and one underscore, no dot."""
    return _PREFIX + b32encode(event_id.bytes).decode()[:_ID_LENGTH].lower()


def parse_id(text: str) -> UUID | None:
    """Return which event a merchant means, or None if that is no id of one."""
    digits = text.removeprefix(_PREFIX)
    if text != _PREFIX + digits or len(digits) != _ID_LENGTH or not digits.isascii():
        return None
    try:
        found = UUID(bytes=b32decode(digits.upper() + _PADDING))
    except ValueError:
        return None
    # The last digit has bits to spare; one event has one id.
    return found if public_id(found) == text else None


def of_place(place: EventNumber) -> dict[str, Any]:
    """Return an event of the feed; its row must have been read with the number's."""
    event = place.event
    return _members(
        event.id, place.number, event.type, event.aggregate_type, event.aggregate_id,
        event.version, event.payload, event.created_at,
    )  # fmt: skip


def of_numbered(event: Numbered) -> dict[str, Any]:
    """Return an event that has just got its number, as the feed shows it."""
    return _members(
        event.id, event.number, event.type, event.aggregate_type, event.aggregate_id,
        event.version, json.loads(event.payload), event.created_at,
    )  # fmt: skip


def _members(  # noqa: PLR0913, PLR0917 - an event's members, in their order
    event_id: UUID,
    number: int,
    name: str,
    aggregate_type: str,
    aggregate_id: UUID,
    version: int,
    data: Any,
    created_at: datetime,
) -> dict[str, Any]:
    return {
        "id": public_id(event_id),
        "number": number,
        "type": name,
        "object": {"type": aggregate_type, "id": str(aggregate_id)},
        "version": version,
        "data": data,
        "created_at": timestamp(created_at),
    }
