"""Keeps merchants' signing secrets encrypted: AES-256-GCM under a key from the environment.

What is sealed says which key it needs, and is bound to its own row: moved to another, it does not
open. Several keys may be known; the first one seals, the others only open.
"""

import os
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from core.caches import process_caches

# The length that AES-GCM is made for; a random one is safe for 2**32 secrets under one key.
NONCE_BYTES = 12


class CannotOpen(Exception):
    """A secret was sealed with a key that we do not have, or is not what it was."""


@lru_cache(maxsize=1)
def _keys() -> dict[str, AESGCM]:
    # Any text will do as a key, if it is long enough to be no word; the settings see to that.
    return {
        key_id: AESGCM(sha256(text.encode()).digest())
        for key_id, text in settings.WEBHOOK_SECRET_KEYS.items()
    }


process_caches.append(_keys.cache_clear)


def current_key_id() -> str:
    """Return the id of the key that seals."""
    return next(iter(_keys()))


def seal(secret: bytes, row_id: UUID) -> tuple[str, bytes]:
    """Return the id of the key, and the secret as only that row may hold it."""
    key_id = current_key_id()
    nonce = os.urandom(NONCE_BYTES)
    return key_id, nonce + _keys()[key_id].encrypt(nonce, secret, _bound_to(row_id, key_id))


def unseal(sealed: bytes | memoryview, row_id: UUID, key_id: str) -> bytes:
    """Return the secret of a row.

    :raises CannotOpen: if its key is not known, or it is not what was sealed for this row
    """
    key = _keys().get(key_id)
    if key is None:
        message = f"the key {key_id!r} is not among WEBHOOK_SECRET_KEYS"
        raise CannotOpen(message)
    sealed = bytes(sealed)
    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return key.decrypt(nonce, rest, _bound_to(row_id, key_id))
    except (InvalidTag, ValueError):
        message = f"a secret does not open with the key {key_id!r}"
        raise CannotOpen(message) from None


def _bound_to(row_id: UUID, key_id: str) -> bytes:
    return row_id.bytes + key_id.encode()
