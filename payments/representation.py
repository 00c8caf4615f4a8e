"""Payments, refunds and disputes as merchants see them.

Plain functions because this is the hot path; a test holds them equal to the read serializers.
"""

from datetime import UTC, datetime
from typing import Any

from core.json_text import encoder
from payments.models import Dispute, Payment, Refund
from payments.unsaved import NewPayment

_compact = encoder(ensure_ascii=False, separators=(",", ":"))


def timestamp(at: datetime | None) -> str | None:
    """Return the moment as RFC 3339 in UTC with microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at else None


def failure(row: NewPayment | Payment | Refund) -> dict[str, str] | None:
    """Return why it failed, or None."""
    if not row.failure_code:
        return None
    return {"code": row.failure_code, "message": row.failure_message}


def next_action(payment: NewPayment | Payment) -> dict[str, str] | None:
    """Return what the payer has to do next, or None."""
    if not payment.next_action_url:
        return None
    return {"type": "redirect", "url": payment.next_action_url}


def payment_members(payment: NewPayment | Payment) -> dict[str, Any]:
    """Return a payment without its two times, which a new one does not have yet."""
    return {
        "id": str(payment.id),
        "status": str(payment.status),
        "amount": payment.amount,
        "currency": payment.currency,
        "gateway": payment.gateway,
        "capture_method": str(payment.capture_method),
        "amount_captured": payment.amount_captured,
        "amount_refunded": payment.amount_refunded,
        "failure": failure(payment),
        "next_action": next_action(payment),
        "outcome_unknown_since": timestamp(payment.outcome_unknown_since),
        "needs_review": payment.needs_review,
        "payment_method": payment.payment_method or None,
        "reference": payment.reference or None,
        "description": payment.description or None,
        "metadata": payment.metadata,
    }


def payment_dict(payment: Payment) -> dict[str, Any]:
    """Return a payment; amounts in minor units. The two times come last (``payments.creation``)."""
    return {
        **payment_members(payment),
        "created_at": timestamp(payment.created_at),
        "updated_at": timestamp(payment.updated_at),
    }


def refund_dict(refund: Refund) -> dict[str, Any]:
    """Return a refund; amount in minor units."""
    return {
        "id": str(refund.id),
        "payment": str(refund.payment_id),
        "amount": refund.amount,
        "currency": refund.currency,
        "status": str(refund.status),
        "failure": failure(refund),
        "reason": refund.reason or None,
        "origin": str(refund.operation.origin),
        "created_at": timestamp(refund.created_at),
    }


def dispute_dict(dispute: Dispute) -> dict[str, Any]:
    """Return a dispute; amounts in minor units."""
    return {
        "id": str(dispute.id),
        "payment": str(dispute.payment_id),
        "amount": dispute.amount,
        "currency": dispute.currency,
        "status": str(dispute.status),
        "reason": dispute.reason or None,
        "fee": dispute.fee,
        "opened_at": timestamp(dispute.opened_at),
        "decided_at": timestamp(dispute.decided_at),
    }


def to_json(value: dict[str, Any]) -> str:
    """Return the compact JSON text of a representation."""
    return _compact(value)
