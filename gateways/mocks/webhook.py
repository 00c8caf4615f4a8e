"""How the mocks sign a webhook, and how they read one.

``X-Webhook-Signature: t=<unix>,v1=<hex>[,v1=<hex>]``, where v1 is HMAC-SHA256 over ``t.body``.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateways.base import (
    Kind,
    Notice,
    NoticeMalformed,
    Outcome,
    OutcomeKind,
    SignatureInvalid,
    SignatureStale,
)

HEADER = "X-Webhook-Signature"
# Long enough for clocks that drift and queues that lag, short enough to make a replay useless.
TOLERANCE_SECONDS = 300

_HEADER_LENGTH_MAX = 1024
_TEXT_LENGTH_MAX = 255
_MESSAGE_LENGTH_MAX = 500
_AMOUNT_MAX = 2**63 - 1  # what a bigint holds: a strange amount is stored and judged, not refused
_TIME = re.compile(r"[0-9]{1,12}")
_MAC = re.compile(r"[0-9a-fA-F]{64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_TYPES: dict[str, tuple[Kind, OutcomeKind]] = {
    "charge.succeeded": ("charge", OutcomeKind.SUCCEEDED),
    "charge.failed": ("charge", OutcomeKind.DECLINED),
    "refund.succeeded": ("refund", OutcomeKind.SUCCEEDED),
    "refund.failed": ("refund", OutcomeKind.DECLINED),
}


def sign(secret: str, body: bytes, at: float) -> str:
    """Return the header's value for this body, sent at this time."""
    stamp = str(int(at))
    return f"t={stamp},v1={_mac(secret, stamp, body).hex()}"


def read(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: float) -> Notice:
    """Verify the raw body against every active secret, then parse it.

    :raises SignatureInvalid: if no secret made the signature
    :raises SignatureStale: if it was made more than the tolerance from now
    :raises NoticeMalformed: if the body is not one of the mocks' events
    """
    stamp = _verified_time(_header(headers), body, secrets)
    if abs(now - int(stamp)) > TOLERANCE_SECONDS:
        message = "the signature's time is too far from ours"
        raise SignatureStale(message)
    return _notice(_parsed(body), datetime.fromtimestamp(int(stamp), UTC))


def _mac(secret: str, stamp: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).digest()


def _header(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == HEADER.lower()), "")


def _verified_time(header: str, body: bytes, secrets: Sequence[str]) -> str:
    items = [item.partition("=") for item in header[: _HEADER_LENGTH_MAX + 1].split(",")]
    stamps = [value for name, _, value in items if name == "t"]
    macs = [value for name, _, value in items if name == "v1" and _MAC.fullmatch(value)]
    if len(header) > _HEADER_LENGTH_MAX or len(stamps) != 1 or not _TIME.fullmatch(stamps[0]):
        message = "the signature header cannot be read"
        raise SignatureInvalid(message)
    # Every pair is compared, so that time does not tell which secret came close.
    matches = [
        hmac.compare_digest(_mac(secret, stamps[0], body), bytes.fromhex(mac))
        for secret in secrets
        for mac in macs
    ]
    if not any(matches):
        message = "no active secret made this signature"
        raise SignatureInvalid(message)
    return stamps[0]


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
        ),
        reference=_text(content, "reference"),
        provider_id=provider_id,
        occurred_at=occurred_at,
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


def _amount(content: dict[str, Any]) -> int:
    value = content.get("amount")
    if type(value) is not int or not 0 < value <= _AMOUNT_MAX:
        message = "amount is not a positive whole number"
        raise NoticeMalformed(message)
    return value


def _currency(content: dict[str, Any]) -> str:
    value = content.get("currency")
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        message = "currency is not an ISO 4217 code"
        raise NoticeMalformed(message)
    return value
