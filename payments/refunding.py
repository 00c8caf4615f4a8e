"""Ask for a refund: the room for it is taken under the payment's lock, at once."""

from typing import Any

from core import idempotency
from core.auth import Principal
from core.db import needs_transaction, transaction_time
from core.errors import Problem
from core.kill_points import reached
from core.logging import bind
from outbox import staging
from payments import bookkeeping, disputing
from payments.changes import Changes
from payments.handlers import lane
from payments.models import Operation, OperationKind, Payment, Refund
from payments.representation import refund_dict, to_json
from payments.states import RefundStatus, Status


@needs_transaction
def lock_payment(principal: Principal, payment_id: Any) -> Payment:
    """Lock a payment of this merchant and mode.

    :raises Problem: ``not-found``
    """
    payment = (
        Payment.objects.filter(
            id=payment_id, merchant_id=principal.merchant_id, mode=principal.mode
        )
        .select_for_update(no_key=True)
        .first()
    )
    if payment is None:
        raise Problem("not-found")
    return payment


def refund_of_the_rest(payment: Payment) -> Refund | None:
    """Return the refund that was asked for without an amount, unless it failed."""
    found = Refund.objects.filter(
        payment=payment,
        is_rest=True,
        status__in=[RefundStatus.PENDING, RefundStatus.SUCCEEDED],
    )
    return found.select_related("operation").first()


@needs_transaction
def ask_refund(payment: Payment, *, amount: int | None, reason: str, trace: str) -> Refund:
    """Set the amount aside and stage the refund; None is whatever is left. Needs the lock.

    :raises Problem: ``invalid-state`` or ``refund-exceeds-captured``
    """
    if payment.status != Status.SUCCESS:
        raise Problem(
            "invalid-state",
            f"The payment is {payment.status}; only a payment in SUCCESS can be refunded.",
            payment_status=str(payment.status),
        )
    lost = disputing.lost(payment)
    left = max(payment.amount_captured - payment.amount_refund_held - lost, 0)
    asked = left if amount is None else amount
    if asked > left or asked == 0:
        raise Problem(
            "refund-exceeds-captured",
            f"{left} of {payment.amount_captured} {payment.currency} is left to refund.",
            refundable=left,
        )
    reached("web.before_refund")
    refund = Refund.objects.create(
        payment=payment,
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        amount=asked,
        currency=payment.currency,
        reason=reason,
        is_rest=amount is None,
    )
    refund.refresh_from_db(fields=["created_at"])
    reached("web.after_refund")
    _stage(payment, refund, trace)
    return refund


def _stage(payment: Payment, refund: Refund, trace: str) -> None:
    operation = Operation.objects.create(
        payment=payment,
        refund=refund,
        kind=OperationKind.REFUND,
        gateway=payment.gateway,
        amount=refund.amount,
        currency=refund.currency,
    )
    changes = Changes(transaction_time())
    payment.amount_refund_held += refund.amount
    changes.touch(payment)
    changes.book(bookkeeping.refund_asked(payment, refund))
    changes.tell("refund.created", payment, refund)
    changes.flush()
    reached("web.after_refund_booked")
    message_id = staging.stage(
        kind=OperationKind.REFUND,
        lane=lane(OperationKind.REFUND, payment.gateway),
        subject_id=operation.id,
        trace=trace,
    )
    reached("web.after_refund_staged")
    bind(operation_id=str(operation.id), message_id=str(message_id))


def answer(refund: Refund, status: int) -> idempotency.Answer:
    """Return the refund as an answer."""
    return idempotency.Answer(
        status, to_json(refund_dict(refund)), f"/api/refunds/{refund.id}/", refund.id
    )
