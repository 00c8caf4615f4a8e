"""What the mocks say in a webhook, and how it is read (``gateways.signatures`` has the proof)."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.addresses import ADDRESS_LENGTH
from gateways import signatures
from gateways.base import (
    Kind,
    Notice,
    NoticeMalformed,
    Outcome,
    OutcomeKind,
)
from gateways.disputes import DisputeNotice, DisputeSaid

HEADER = "X-Webhook-Signature"

_TEXT_LENGTH_MAX = 255
_MESSAGE_LENGTH_MAX = 500
_AMOUNT_MAX = 2**63 - 1  # what a bigint holds: a strange amount is stored and judged, not refused
_CURRENCY = re.compile(r"[A-Z]{3}")
_TYPES: dict[str, tuple[Kind, OutcomeKind]] = {
    "charge.succeeded": ("charge", OutcomeKind.SUCCEEDED),
    "charge.failed": ("charge", OutcomeKind.DECLINED),
    "charge.pending": ("charge", OutcomeKind.PENDING),
    "charge.requires_action": ("charge", OutcomeKind.REQUIRES_ACTION),
    "capture.succeeded": ("capture", OutcomeKind.SUCCEEDED),
    "capture.failed": ("capture", OutcomeKind.DECLINED),
    "void.succeeded": ("void", OutcomeKind.SUCCEEDED),
    "void.failed": ("void", OutcomeKind.DECLINED),
    "refund.succeeded": ("refund", OutcomeKind.SUCCEEDED),
    "refund.failed": ("refund", OutcomeKind.DECLINED),
}
_DISPUTES = {f"dispute.{said}": said for said in DisputeSaid}


def read(
    headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: float
) -> Notice | DisputeNotice:
    """Verify the raw body against every active secret, then parse it.

    :raises SignatureInvalid: if no secret made the signature
    :raises SignatureStale: if it was made more than the tolerance from now
    :raises NoticeMalformed: if the body is not one of the mocks' events
    """
    signed_at = signatures.verify(headers, HEADER, body, secrets=secrets, now=now)
    content = _parsed(body)
    said = _DISPUTES.get(_text(content, "type"))
    return _dispute(said, content, signed_at) if said else _notice(content, signed_at)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        message = "the body is not a JSON object"
        raise NoticeMalformed(message)
    return content


def _notice(content: dict[str, Any], occurred_at: datetime) -> Notice:
    known = _TYPES.get(_text(content, "type"))
    if known is None:
        message = "an event of a type we do not know"
        raise NoticeMalformed(message)
    kind, outcome = known
    provider_id = _text(content, "provider_id")
    must_act = outcome is OutcomeKind.REQUIRES_ACTION
    may_name = must_act or outcome is OutcomeKind.PENDING
    charge_reference = _text(content, "charge_reference", required=False)
    return Notice(
        event_id=_text(content, "id"),
        kind=kind,
        outcome=Outcome(
            kind=outcome,
            provider_id=provider_id,
            amount=_amount(content),
            currency=_currency(content),
            code=_text(content, "code", required=False),
            message=_text(content, "message", limit=_MESSAGE_LENGTH_MAX, required=False),
            action_url=_text(content, "action_url", limit=ADDRESS_LENGTH, required=must_act)
            if may_name
            else "",
        ),
        reference=_text(content, "reference", required=not charge_reference),
        provider_id=provider_id,
        occurred_at=occurred_at,
        charge_reference=charge_reference,
    )


def _dispute(said: DisputeSaid, content: dict[str, Any], occurred_at: datetime) -> DisputeNotice:
    charge_reference = _text(content, "charge_reference", required=False)
    reference = _text(content, "reference", required=not charge_reference)
    return DisputeNotice(
        event_id=_text(content, "id"),
        said=said,
        provider_id=_text(content, "provider_id"),
        charge_reference=charge_reference or reference,
        amount=_amount(content),
        currency=_currency(content),
        occurred_at=occurred_at,
        reason=_text(content, "code", required=False),
        fee=_amount(content, "fee") if content.get("fee") is not None else None,
    )


def _text(
    content: dict[str, Any], member: str, *, limit: int = _TEXT_LENGTH_MAX, required: bool = True
) -> str:
    value = content.get(member, None if required else "")
    # Unprintable covers NUL and lone surrogates, which no database column takes.
    if not isinstance(value, str) or not value.isprintable() or len(value) > limit:
        message = f"{member} is not a short text"
        raise NoticeMalformed(message)
    if required and not value:
        message = f"{member} is empty"
        raise NoticeMalformed(message)
    return value


def _amount(content: dict[str, Any], member: str = "amount") -> int:
    value = content.get(member)
    if type(value) is not int or not 0 < value <= _AMOUNT_MAX:
        message = f"{member} is not a positive whole number"
        raise NoticeMalformed(message)
    return value


def _currency(content: dict[str, Any]) -> str:
    value = content.get("currency")
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        message = "currency is not an ISO 4217 code"
        raise NoticeMalformed(message)
    return value
