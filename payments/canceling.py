"""Cancel a payment: at once if no provider has it, else by a void that the provider carries out."""

from dataclasses import dataclass

from core.db import needs_transaction
from core.errors import Problem
from core.kill_points import reached
from outbox import staging
from outbox.withdrawing import withdraw
from payments import cases
from payments.advancing import Cause, advance
from payments.cases import Case
from payments.changes import Changes
from payments.facts import Meaning, Said
from payments.holds import VOIDABLE, ask_void, refused
from payments.models import AttemptKind, Operation, OperationKind, Payment
from payments.reviews import UNTOLD, end_own_review, review
from payments.states import OperationState, Status

MERCHANT = "merchant"


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of the wish: done at once, staged in a lane, or refused with a deed all the same.

    A refusal here is to be committed, unlike one that is raised.
    """

    payment: Payment
    lane: str = ""
    refusal: Problem | None = None


@needs_transaction
def ask_cancel(payment: Payment, *, trace: str) -> Asked:
    """Cancel the payment, or have it cancelled. Needs the lock.

    :raises Problem: ``invalid-state``
    """
    if payment.status in VOIDABLE:
        return Asked(payment, ask_void(payment, trace=trace))
    if payment.status not in {Status.CREATED, Status.PROCESSING}:
        raise refused(payment, f"The payment is {payment.status}; it cannot be cancelled any more.")
    charge = Operation.objects.get(payment=payment, kind=OperationKind.CHARGE)
    docket = cases.load([charge.id])
    case, changes = docket.cases[charge.id], Changes(docket.now)
    if not _may_have_arrived(case):
        return _closed(case, changes)
    if case.verdict().meaning is not Meaning.WAITING:
        return _inquired(case, changes)
    raise refused(payment, "The provider has the payment, and has not decided; wait for that.")


def _may_have_arrived(case: Case) -> bool:
    """Tell whether the provider may have heard of the charge, or will."""
    sent = (one for one in case.attempts if one.kind == AttemptKind.SEND)
    is_unsent = all(one.outcome == Said.NOT_SENT for one in sent)
    # A provider that was asked may have said that it has it all the same.
    return bool(case.notices) or not is_unsent or case.verdict().meaning is not Meaning.NEVER_SENT


def _closed(case: Case, changes: Changes) -> Asked:
    """Close a charge that nobody sent; whoever is about to send it is fenced."""
    charge = case.operation
    end_own_review(case.payment, charge, changes)
    charge.state, charge.settled_at = OperationState.CLOSED, changes.now
    changes.settle(charge)
    case.payment.outcome_unknown_since = None
    advance(case, case.verdict(), changes, Cause(MERCHANT, charge.id))
    changes.flush()
    reached("web.after_close")
    withdraw(charge.id)
    reached("web.after_withdrawal")
    return Asked(case.payment)


def _inquired(case: Case, changes: Changes) -> Asked:
    """Have the provider asked now, and a person called: it may have the money, or not."""
    review(case.payment, changes, UNTOLD, case.operation)
    changes.flush()
    staging.hasten([case.operation.id])
    detail = "The provider has not answered yet; it is being asked. Cancel once that is known."
    return Asked(case.payment, refusal=refused(case.payment, detail))
