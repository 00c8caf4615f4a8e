"""Somebody at the provider's own page, who makes refunds that we never asked for."""

from typing import Any

from core.db import rows
from payments.models import Payment, Refund
from payments.unasked_invariants import INVARIANTS
from tests.money import charge_of, drain, told
from tests.payments.promises import broken
from webhooks.models import ProviderEvent


def made(payment: Payment, provider_id: str = "re_x", amount: int = 300, **changed: Any) -> None:
    """Have the provider tell of a refund that was made at its own page."""
    members = {"reference": "dashboard", "charge_reference": str(charge_of(payment).id), **changed}
    told(payment, "refund.succeeded", provider_id=provider_id, amount=amount, **members)
    drain()
    payment.refresh_from_db()


def theirs() -> list[Refund]:
    return list(Refund.objects.exclude(operation__unasked_id="").order_by("id"))


def wrong() -> list[str]:
    return [*broken(), *(one.name for one in INVARIANTS if rows(one.sql))]


def parked() -> list[str]:
    return [*ProviderEvent.objects.exclude(parked_at=None).values_list("parked_reason", flat=True)]
