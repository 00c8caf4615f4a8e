"""What operators do about merchants: open, change, suspend, reactivate, close."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError

from core import audit, known
from core.audit import ActRefused
from core.db import needs_transaction, transaction
from core.models import Merchant, MerchantStatus

_SUSPEND = frozenset({MerchantStatus.ACTIVE})
_REACTIVATE = frozenset({MerchantStatus.SUSPENDED})
_CLOSE = frozenset({MerchantStatus.ACTIVE, MerchantStatus.SUSPENDED})


def open_merchant(
    *, merchant_id: UUID, name: str, default_gateway: str, actor: str, reason: str
) -> None:
    """Make a merchant, who is active at once and has no key yet.

    ``merchant_id`` is the page's that asks for it: the same page twice makes one merchant.

    :raises ActRefused: if the page was used, there is no such gateway, or this is no name
    :raises ValueError: if nobody, or no reason, is named
    """
    _check(name, default_gateway)
    try:
        with transaction():
            merchant = Merchant(id=merchant_id, name=name, default_gateway=default_gateway)
            merchant.save(force_insert=True)
            _tell("merchant.opened", merchant, {}, actor, reason)
    except IntegrityError:
        if not Merchant.objects.filter(id=merchant_id).exists():
            raise
        message = "this page has made its merchant; for another one, open a new page"
        raise ActRefused(message) from None


def change_merchant(  # noqa: PLR0913 - what is to be, what was seen, who and why
    merchant_id: UUID, *, name: str, default_gateway: str, seen_as: str, actor: str, reason: str
) -> None:
    """Give a merchant another name, or have its payments go elsewhere from now on.

    :raises ActRefused: if somebody acted on it since it was ``seen_as``, if it is closed, there is
        no such gateway, or this is no name
    :raises ValueError: if nobody, or no reason, is named
    """
    _check(name, default_gateway)
    with transaction():
        merchant = _locked(merchant_id, seen_as)
        if merchant.status == MerchantStatus.CLOSED:
            message = "the merchant is closed, and stays as it is"
            raise ActRefused(message)
        before = _facts(merchant)
        merchant.name, merchant.default_gateway = name, default_gateway
        merchant.save(update_fields=["name", "default_gateway"])
        _tell("merchant.changed", merchant, before, actor, reason)


def suspend(merchant_id: UUID, *, seen_as: str, actor: str, reason: str) -> None:
    """Let a merchant in no more, for now; what was accepted is carried out.

    :raises ActRefused: if it is not active, or somebody acted on it since it was ``seen_as``
    :raises ValueError: if nobody, or no reason, is named
    """
    _move(merchant_id, seen_as, _SUSPEND, MerchantStatus.SUSPENDED, actor, reason)


def reactivate(merchant_id: UUID, *, seen_as: str, actor: str, reason: str) -> None:
    """Let a suspended merchant in again.

    :raises ActRefused: if it is not suspended, or somebody acted on it since it was ``seen_as``
    :raises ValueError: if nobody, or no reason, is named
    """
    _move(merchant_id, seen_as, _REACTIVATE, MerchantStatus.ACTIVE, actor, reason)


def close(merchant_id: UUID, *, seen_as: str, actor: str, reason: str) -> None:
    """Let a merchant in never again; what was accepted is carried out.

    :raises ActRefused: if it is closed already, or somebody acted on it since it was ``seen_as``
    :raises ValueError: if nobody, or no reason, is named
    """
    _move(merchant_id, seen_as, _CLOSE, MerchantStatus.CLOSED, actor, reason)


def _move(  # noqa: PLR0913, PLR0917 - which, as seen, from where, to where, who and why
    merchant_id: UUID,
    seen_as: str,
    possible: frozenset[MerchantStatus],
    after: MerchantStatus,
    actor: str,
    reason: str,
) -> None:
    with transaction():
        merchant = _locked(merchant_id, seen_as)
        if merchant.status not in possible:
            message = f"the merchant is {merchant.status} now"
            raise ActRefused(message)
        before = _facts(merchant)
        merchant.status = after
        merchant.save(update_fields=["status"])
        _tell(f"merchant.{after}", merchant, before, actor, reason)


def _check(name: str, gateway: str) -> None:
    audit.refuse_as_name(name)
    if gateway not in known.gateway_names():
        message = f"no gateway {gateway!r} is configured"
        raise ActRefused(message)


@needs_transaction
def _locked(merchant_id: UUID, seen_as: str) -> Merchant:
    merchant = Merchant.objects.filter(id=merchant_id).select_for_update(no_key=True).first()
    if merchant is None:
        message = "there is no such merchant"
        raise ActRefused(message)
    audit.refuse_unless_last(merchant_id, seen_as)
    return merchant


def _facts(merchant: Merchant) -> dict[str, Any]:
    return {
        "name": merchant.name,
        "status": str(merchant.status),
        "default_gateway": merchant.default_gateway,
    }


def _tell(action: str, merchant: Merchant, before: dict[str, Any], actor: str, reason: str) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_type="merchant",
        subject_id=merchant.id,
        reason=reason,
        before=before,
        after=_facts(merchant),
    )
