"""Take what a payment has held, or let it go: asked for by a merchant, once at a time."""

from core.db import needs_transaction
from core.errors import Problem
from core.kill_points import reached
from core.logging import bind
from gateways import registry
from outbox import staging
from payments.handlers import lane
from payments.models import Operation, OperationKind, Payment
from payments.states import Status

# What a void lets go of: money that is held, or a charge that waits for its payer.
VOIDABLE = frozenset({Status.AUTHORIZED, Status.REQUIRES_ACTION})


def refused(payment: Payment, detail: str) -> Problem:
    """Return the refusal of what the state of a payment does not allow."""
    return Problem("invalid-state", detail, payment_status=str(payment.status))


@needs_transaction
def ask_capture(payment: Payment, *, amount: int | None, trace: str) -> str:
    """Stage a capture of this amount, or of all that is held; return its lane. Needs the lock.

    :raises Problem: ``invalid-state`` or ``capture-exceeds-authorized``
    """
    if payment.status != Status.AUTHORIZED:
        raise refused(
            payment, f"The payment is {payment.status}; only one that is AUTHORIZED is captured."
        )
    _refuse_while_claimed(payment)
    if amount is not None and amount > payment.amount:
        raise Problem(
            "capture-exceeds-authorized",
            f"{payment.amount} {payment.currency} is authorized.",
            capturable=payment.amount,
        )
    return _stage(payment, OperationKind.CAPTURE, amount or payment.amount, trace)


@needs_transaction
def ask_void(payment: Payment, *, trace: str) -> str:
    """Stage the void of what a payment has held, or waits for; return its lane. Needs the lock.

    :raises Problem: ``invalid-state``
    """
    _refuse_while_claimed(payment)
    if not _can_void(payment.gateway):
        raise refused(payment, f"{payment.gateway} cannot let go of a charge once it has it.")
    return _stage(payment, OperationKind.VOID, payment.amount, trace)


def _refuse_while_claimed(payment: Payment) -> None:
    open_one = Operation.objects.filter(claims=payment.id).first()
    if open_one is not None:
        doing = "captured" if open_one.kind == OperationKind.CAPTURE else "cancelled"
        raise refused(payment, f"The payment is being {doing} already; wait for how that ends.")


def _can_void(gateway: str) -> bool:
    """One that is not configured now may be again, and knows then."""
    return not registry.is_configured(gateway) or registry.get(gateway).capabilities.voids


def _stage(payment: Payment, kind: OperationKind, amount: int, trace: str) -> str:
    reached("web.before_hold")
    operation = Operation.objects.create(
        payment=payment,
        kind=kind,
        gateway=payment.gateway,
        amount=amount,
        currency=payment.currency,
        claims=payment.id,
    )
    reached("web.after_hold")
    work = lane(kind, payment.gateway)
    message_id = staging.stage(kind=kind, lane=work, subject_id=operation.id, trace=trace)
    reached("web.after_hold_staged")
    bind(operation_id=str(operation.id), message_id=str(message_id))
    return work
