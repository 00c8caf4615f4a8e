"""Arranging payments whose money is held first."""

from typing import Any
from uuid import uuid4

from payments.models import Event, Operation, OperationKind, Payment
from tests.money import PAYMENTS, Answer, Shop, a_shop, charge_of, drain, told

# What is on the books of a payment of 1000 that is held.
EXPECTED = {("pending", "gateway_receivable"): 1_000, ("pending", "merchant_payable"): -1_000}


def held(shop: Shop | None = None, token: str = "tok_success", amount: int = 1_000) -> Payment:
    """Return a payment of this amount that a mock holds, and nobody has captured."""
    shop = shop or a_shop()
    payment = shop.accepted(amount, gateway="mock", capture_method="manual", payment_method=token)
    drain()
    payment.refresh_from_db()
    assert payment.status == "AUTHORIZED"
    return payment


def capture(shop: Shop, payment: Payment, *, key: str = "", **asked: Any) -> Answer:
    return _post(shop, payment, "capture", asked or None, key)


def cancel(shop: Shop, payment: Payment, *, key: str = "", body: Any = None) -> Answer:
    return _post(shop, payment, "cancel", body, key)


def _post(shop: Shop, payment: Payment, what: str, body: Any, key: str) -> Answer:
    path = f"{PAYMENTS}{payment.id}/{what}/"
    return shop.post(path, body, Idempotency_Key=key or str(uuid4()))


def standing_of(payment: Payment) -> tuple[str, int]:
    """Return where a payment stands now, and what was captured of it."""
    payment.refresh_from_db()
    return payment.status, payment.amount_captured


def operations(payment: Payment, kind: OperationKind) -> list[Operation]:
    return list(Operation.objects.filter(payment=payment, kind=kind).order_by("id"))


def events(payment: Payment) -> list[str]:
    found = Event.objects.filter(aggregate_id=payment.id).order_by("created_at", "id")
    return list(found.values_list("type", flat=True))


def booked(amount: int) -> dict[tuple[str, str], int]:
    """Return what is on the books once so much was captured."""
    return {
        ("posted", "gateway_receivable"): amount,
        ("posted", "merchant_payable"): -amount,
    }


def run_out(payment: Payment) -> None:
    """Have the provider tell that it holds the money no longer."""
    told(payment, "void.succeeded", reference="expired", provider_id="vo_x",
         charge_reference=str(charge_of(payment).id))  # fmt: skip
