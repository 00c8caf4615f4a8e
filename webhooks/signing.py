"""Signs what merchants are told, by Standard Webhooks 1.0.0 (symmetric, ``v1``)."""

import hmac
import secrets
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

SECRET_BYTES = 32
_PREFIX = "whsec_"


def new_secret() -> bytes:
    """Return a secret that nobody can guess."""
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """Return a secret as its merchant is shown it, once."""
    return _PREFIX + b64encode(secret).decode()


def signatures(secrets_: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``: one for each secret, the newest first."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(
        "v1," + b64encode(hmac.new(secret, signed, sha256).digest()).decode() for secret in secrets_
    )
