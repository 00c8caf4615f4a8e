"""What a fold means for the payment: status, books and events move together.

Both the worker with an answer and the webhook with a notice end here, so it makes no difference
who comes first, nor how often they come.
"""

from dataclasses import dataclass
from uuid import UUID

from payments import bookkeeping
from payments.cases import Case
from payments.changes import Changes
from payments.facts import Meaning, Verdict
from payments.models import Operation, Payment, Refund
from payments.states import OperationState, RefundStatus, Status


@dataclass(frozen=True, slots=True)
class Cause:
    """What made a change happen: an attempt's answer, a provider's notice, …"""

    name: str
    id: UUID


def apply(case: Case, changes: Changes, cause: Cause) -> Verdict:
    """Bring the payment to what the facts of this operation mean; return that."""
    verdict = case.verdict()
    operation, refund = case.operation, case.operation.refund
    if verdict.meaning is Meaning.SUCCEEDED and operation.state != OperationState.SUCCEEDED:
        _succeeded(case, changes, verdict, cause)
    elif verdict.meaning is Meaning.FAILED and operation.state == OperationState.OPEN:
        _failed(case, changes, verdict, cause)
    elif operation.state == OperationState.OPEN:
        _note_doubt(refund or case.payment, changes, verdict)
    if verdict.review:
        review(case.payment, changes, verdict.review)
    return verdict


def review(payment: Payment, changes: Changes, reason: str) -> None:
    """Ask for a person: nobody but an operator can tell what is so."""
    if payment.needs_review and payment.review_reason == reason:
        return
    payment.needs_review, payment.review_reason = True, reason
    changes.touch(payment)
    changes.tell("payment.needs_review", payment)


def _succeeded(case: Case, changes: Changes, verdict: Verdict, cause: Cause) -> None:
    if case.operation.refund is None:
        _capture(case.payment, case.operation, changes, cause)
    else:
        _confirm_refund(case.payment, case.operation.refund, changes, cause)
    _settle(case.operation, OperationState.SUCCEEDED, verdict, changes)


def _failed(case: Case, changes: Changes, verdict: Verdict, cause: Cause) -> None:
    if case.operation.refund is None:
        _fail(case.payment, verdict, changes, cause)
    else:
        _fail_refund(case.payment, case.operation.refund, verdict, changes, cause)
    _settle(case.operation, OperationState.FAILED, verdict, changes)


def _settle(
    operation: Operation, state: OperationState, verdict: Verdict, changes: Changes
) -> None:
    operation.state, operation.settled_at = state, changes.now
    operation.provider_id = verdict.provider_id or operation.provider_id
    changes.settle(operation)


def _capture(payment: Payment, operation: Operation, changes: Changes, cause: Cause) -> None:
    changes.begin(payment, cause=cause.name, cause_id=cause.id)
    late = payment.status == Status.FAILED
    payment.amount_captured = operation.amount
    payment.failure_code = payment.failure_message = ""
    _out_of_doubt(payment)
    changes.move(payment, Status.SUCCESS, cause=cause.name, cause_id=cause.id)
    changes.book(bookkeeping.captured(payment, operation.amount, late=late))
    changes.tell("payment.succeeded_late" if late else "payment.succeeded", payment)


def _fail(payment: Payment, verdict: Verdict, changes: Changes, cause: Cause) -> None:
    changes.begin(payment, cause=cause.name, cause_id=cause.id)
    payment.failure_code, payment.failure_message = verdict.code, verdict.message
    _out_of_doubt(payment)
    changes.move(payment, Status.FAILED, cause=cause.name, cause_id=cause.id)
    changes.book(bookkeeping.failed(payment))
    changes.tell("payment.failed", payment)


def _confirm_refund(payment: Payment, refund: Refund, changes: Changes, cause: Cause) -> None:
    late = refund.status == RefundStatus.FAILED
    if late:
        # Its room was given back, and may be taken: what happened is booked all the same.
        refund.is_overdrawn = refund.amount > payment.amount_captured - payment.amount_refund_held
        if not refund.is_overdrawn:
            payment.amount_refund_held += refund.amount
        changes.book(bookkeeping.refund_confirmed_late(payment, refund))
    else:
        changes.book(bookkeeping.refund_confirmed(payment, refund))
    refund.failure_code = refund.failure_message = ""
    refund.outcome_unknown_since = None
    changes.move_refund(refund, RefundStatus.SUCCEEDED, cause=cause.name, cause_id=cause.id)
    changes.tell("refund.succeeded_late" if late else "refund.succeeded", payment, refund)
    payment.amount_refunded += refund.amount
    changes.touch(payment)
    if payment.status == Status.SUCCESS and payment.amount_refunded >= payment.amount_captured:
        changes.move(payment, Status.REFUNDED, cause=cause.name, cause_id=cause.id)
        changes.tell("payment.refunded", payment)
    if refund.is_overdrawn:
        review(payment, changes, "the provider refunded more than was captured")


def _fail_refund(
    payment: Payment, refund: Refund, verdict: Verdict, changes: Changes, cause: Cause
) -> None:
    refund.failure_code, refund.failure_message = verdict.code, verdict.message
    refund.outcome_unknown_since = None
    changes.move_refund(refund, RefundStatus.FAILED, cause=cause.name, cause_id=cause.id)
    payment.amount_refund_held -= refund.amount
    changes.touch(payment)
    changes.book(bookkeeping.refund_failed(payment, refund))
    changes.tell("refund.failed", payment, refund)


def _out_of_doubt(payment: Payment) -> None:
    payment.outcome_unknown_since = None
    payment.needs_review, payment.review_reason = False, ""


def _note_doubt(subject: Payment | Refund, changes: Changes, verdict: Verdict) -> None:
    in_doubt = verdict.meaning is Meaning.UNKNOWN
    if in_doubt == (subject.outcome_unknown_since is not None):
        return
    subject.outcome_unknown_since = changes.now if in_doubt else None
    if isinstance(subject, Payment):
        changes.touch(subject)
    else:
        changes.touch_refund(subject)
    if in_doubt and isinstance(subject, Payment):
        changes.tell("payment.outcome_unknown", subject)
