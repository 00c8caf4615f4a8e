"""A payer's bank that disputes payments, as their providers tell of it."""

from typing import Any

from core.db import rows
from ledger import accounts, books
from ledger.books import Layer
from payments.models import Dispute, Payment
from tests.money import drain, told
from webhooks.models import ProviderEvent

DISPUTE = "dp_1"


def say(payment: Payment, *said: str, provider_id: str = DISPUTE, **changed: Any) -> None:
    """Have the provider tell each of these of a dispute over the whole payment, and be heard."""
    for one in said:
        told(payment, f"dispute.{one}", provider_id=provider_id, **changed)
        drain()
    payment.refresh_from_db()


def the_dispute() -> Dispute:
    return Dispute.objects.get()


def held(payment: Payment) -> int:
    """Return what the merchant cannot have."""
    account = accounts.dispute_hold(payment.merchant_id, payment.currency, payment.mode)
    return books.balance(account, Layer.POSTED)


def owed(payment: Payment) -> int:
    """Return what the merchant has."""
    account = accounts.merchant_payable(payment.merchant_id, payment.currency, payment.mode)
    return books.balance(account, Layer.POSTED)


def at_gateway(payment: Payment) -> tuple[int, int]:
    """Return what the gateway owes us, and what it took for disputes."""
    names = payment.gateway, payment.currency, payment.mode
    receivable, disputed = accounts.gateway_receivable(*names), accounts.disputes_receivable(*names)
    return books.balance(receivable, Layer.POSTED), books.balance(disputed, Layer.POSTED)


def standing(payment: Payment) -> tuple[int, int, int, int]:
    """Return what the merchant has, what is held, what the gateway owes, what it took."""
    return owed(payment), held(payment), *at_gateway(payment)


def parked() -> list[str]:
    return [*ProviderEvent.objects.exclude(parked_at=None).values_list("parked_reason", flat=True)]


def events(aggregate: Any) -> list[str]:
    sql = "SELECT type FROM payments_event WHERE aggregateid = %s ORDER BY id"
    return [name for (name,) in rows(sql, [aggregate.id])]
