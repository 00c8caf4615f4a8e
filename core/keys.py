"""What operators do about API keys: issue them, once to be seen, and revoke them."""

import secrets
import string
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models.functions import Now
from django.views.decorators.debug import sensitive_variables

from core import audit, known
from core.audit import ActRefused
from core.auth import key_digest
from core.db import transaction
from core.models import ApiKey, Merchant, MerchantStatus, Mode

_RANDOM_BYTES = 32
_BASE62 = string.digits + string.ascii_letters


def new_secret(mode: str) -> str:
    """Return the text of a new key: nobody can guess it, and a leak of it can be recognised."""
    number = int.from_bytes(secrets.token_bytes(_RANDOM_BYTES), "big")
    digits = ""
    # All of one length: 43 digits hold 256 bits.
    for _ in range(43):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return f"sk_{mode}_{digits}"


@sensitive_variables()
def issue(  # noqa: PLR0913 - a key's parts, all by keyword
    *,
    key_id: UUID,
    merchant_id: UUID,
    mode: Mode,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    actor: str,
    reason: str,
) -> str:
    """Make a key and return its secret, which is kept nowhere.

    ``key_id`` is the page's that asks for it: the same page twice makes one key.

    :raises ActRefused: if the page was used, the merchant is closed or unknown, a key may not
        have these scopes, or this is no name
    :raises ValueError: if nobody, or no reason, is named
    """
    secret = new_secret(mode)
    _check_scopes(scopes)
    audit.refuse_as_name(name)
    with transaction():
        merchant = _lock_open_merchant(merchant_id)
        if ApiKey.objects.filter(id=key_id).exists():
            message = "this page has issued its key, and showed it then; open a new one"
            raise ActRefused(message)
        key = ApiKey.objects.create(
            id=key_id,
            merchant=merchant,
            mode=mode,
            name=name,
            secret_sha256=key_digest(secret),
            last_four=secret[-4:],
            scopes=sorted(scopes),
            expires_at=expires_at,
        )
        _record_issued(key, actor=actor, reason=reason)
    return secret


def _check_scopes(scopes: Sequence[str]) -> None:
    if not scopes or not known.scopes.keys() >= set(scopes):
        message = "a key needs scopes that there are"
        raise ActRefused(message)


def _lock_open_merchant(merchant_id: UUID) -> Merchant:
    # Two of the same page meet here.
    merchant = Merchant.objects.filter(id=merchant_id).select_for_update(no_key=True).first()
    if merchant is None or merchant.status == MerchantStatus.CLOSED:
        message = "there is no such merchant, or it is closed"
        raise ActRefused(message)
    return merchant


def _record_issued(key: ApiKey, *, actor: str, reason: str) -> None:
    after = {
        "merchant": key.merchant_id,
        "mode": str(key.mode),
        "name": key.name,
        "last_four": key.last_four,
        "scopes": key.scopes,
        "expires_at": key.expires_at,
    }
    audit.record(
        actor=actor,
        action="api_key.issued",
        subject_type="api_key",
        subject_id=key.id,
        reason=reason,
        before={},
        after=after,
    )


def revoke(key_id: UUID, *, actor: str, reason: str) -> None:
    """End a key: the next request with it is refused.

    :raises ActRefused: if it was revoked before, or there is none
    :raises ValueError: if nobody, or no reason, is named
    """
    with transaction():
        ended = ApiKey.objects.filter(id=key_id, revoked_at=None).update(revoked_at=Now())
        if not ended:
            message = "there is no such key, or it was revoked before"
            raise ActRefused(message)
        revoked_at = ApiKey.objects.values_list("revoked_at", flat=True).get(id=key_id)
        audit.record(
            actor=actor,
            action="api_key.revoked",
            subject_type="api_key",
            subject_id=key_id,
            reason=reason,
            before={"revoked_at": None},
            after={"revoked_at": revoked_at},
        )
