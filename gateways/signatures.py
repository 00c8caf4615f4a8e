"""Signatures with a time in them: ``t=<unix>,v1=<hex>[,v1=<hex>]``.

v1 is HMAC-SHA256 over the time, a dot and the raw body, so that neither can be changed.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from gateways.base import SignatureInvalid, SignatureStale

# Long enough for clocks that drift and queues that lag, short enough to make a replay useless.
TOLERANCE_SECONDS = 300

_HEADER_LENGTH_MAX = 1024
_TIME = re.compile(r"[0-9]{1,12}")
_MAC = re.compile(r"[0-9a-fA-F]{64}")


def sign(secret: str, body: bytes, at: float) -> str:
    """Return the header's value for this body, sent at this time."""
    stamp = str(int(at))
    return f"t={stamp},v1={_mac(secret, stamp, body).hex()}"


def verify(
    headers: Mapping[str, str], name: str, body: bytes, *, secrets: Sequence[str], now: float
) -> datetime:
    """Check the header of this name against the raw body; return when the body was signed.

    :raises SignatureInvalid: if none of the secrets made the signature
    :raises SignatureStale: if it was made more than the tolerance from now
    """
    header = next((value for key, value in headers.items() if key.lower() == name.lower()), "")
    stamp = _verified_time(header, body, secrets)
    if abs(now - int(stamp)) > TOLERANCE_SECONDS:
        message = "the signature's time is too far from ours"
        raise SignatureStale(message)
    return datetime.fromtimestamp(int(stamp), UTC)


def _mac(secret: str, stamp: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).digest()


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
