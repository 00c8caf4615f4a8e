"""What a fold means for the payment: status, books and events move together.

Both the worker with an answer and the webhook with a notice end here, so it makes no difference
who comes first, nor how often they come.
"""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from gateways import registry
from payments import bookkeeping
from payments.cases import Case
from payments.changes import Changes
from payments.facts import Meaning, Review, Verdict
from payments.models import Operation, Origin, Payment, Refund
from payments.reviews import is_over, review
from payments.states import OperationState, RefundStatus, Status

NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Cause:
    """What made a change happen: an attempt's answer, a provider's notice, …"""

    name: str
    id: UUID


def apply(case: Case, changes: Changes, cause: Cause) -> Verdict:
    """Bring the payment to what the facts of this operation mean; return that."""
    verdict = case.verdict()
    operation = case.operation
    if verdict.meaning is Meaning.SUCCEEDED and operation.state != OperationState.SUCCEEDED:
        _succeeded(case, changes, verdict, cause)
    elif verdict.meaning is Meaning.FAILED and operation.state == OperationState.OPEN:
        _failed(case, changes, verdict, cause)
    elif operation.state == OperationState.OPEN and cause.name != NOTICE:
        # A notice says nothing of a call that may just be on its way.
        _note_doubt(operation.refund or case.payment, changes, verdict)
    if verdict.meaning is Meaning.SUCCEEDED:
        _book_surplus(case, changes, verdict)
    if verdict.review and not is_over(case):
        review(case.payment, changes, verdict.review)
    return verdict


def _succeeded(case: Case, changes: Changes, verdict: Verdict, cause: Cause) -> None:
    changes.catch_up(case.payment, case.operation.refund)
    _end_review(case, changes)
    if case.operation.refund is None:
        _capture(case.payment, case.operation, changes, cause)
    else:
        _confirm_refund(case, case.operation.refund, changes, cause)
    case.operation.recheck_at = None
    _settle(case.operation, OperationState.SUCCEEDED, verdict, changes)


def _book_surplus(case: Case, changes: Changes, verdict: Verdict) -> None:
    """Book what moved besides the one movement that we asked for; each once, however often told."""
    payment, operation = case.payment, case.operation
    if not operation.provider_id:
        return
    for provider_id in sorted(verdict.moved - {operation.provider_id, ""}):
        posting = bookkeeping.moved_again(payment, operation, provider_id)
        name = "refund.succeeded_again" if operation.refund else "payment.captured_again"
        changes.book_and_tell(posting, name, payment, operation.refund)


def _failed(case: Case, changes: Changes, verdict: Verdict, cause: Cause) -> None:
    changes.catch_up(case.payment, case.operation.refund)
    _end_review(case, changes)
    if case.operation.refund is None:
        _fail(case.payment, case.operation, verdict, changes, cause)
    else:
        _fail_refund(case.payment, case.operation.refund, verdict, changes, cause)
    if case.operation.first_sent_at and _may_be_found(case.operation.gateway):
        # A provider may change its mind, and a lost webhook must not be the only one to say so.
        case.operation.recheck_at = changes.now + settings.RECHECK_EVERY
    _settle(case.operation, OperationState.FAILED, verdict, changes)


def _may_be_found(gateway: str) -> bool:
    """One that is not configured now may be again when its time comes."""
    return not registry.is_configured(gateway) or registry.get(gateway).capabilities.find


def _settle(
    operation: Operation, state: OperationState, verdict: Verdict, changes: Changes
) -> None:
    operation.state, operation.settled_at = state, changes.now
    operation.provider_id = verdict.provider_id or operation.provider_id
    changes.settle(operation)


def _end_review(case: Case, changes: Changes) -> None:
    payment = case.payment
    if payment.needs_review and payment.review_operation == case.operation.id:
        payment.needs_review, payment.review_reason = False, ""
        payment.review_operation = None
        changes.touch(payment)


def _capture(payment: Payment, operation: Operation, changes: Changes, cause: Cause) -> None:
    changes.begin(payment, cause=cause.name, cause_id=cause.id)
    late = payment.status == Status.FAILED
    payment.amount_captured = operation.amount
    recovered = _hold_what_suspense_bore(payment)
    payment.failure_code = payment.failure_message = ""
    payment.outcome_unknown_since = None
    changes.move(payment, Status.SUCCESS, cause=cause.name, cause_id=cause.id)
    posting = bookkeeping.captured(payment, operation.amount, late=late, recovered=recovered)
    changes.book(posting)
    changes.tell("payment.succeeded_late" if late else "payment.succeeded", payment)
    _end_if_all_went_back(payment, changes, cause)
    if payment.amount_overdrawn:
        review(payment, changes, Review.OVERDRAWN)


def _fail(
    payment: Payment, operation: Operation, verdict: Verdict, changes: Changes, cause: Cause
) -> None:
    changes.begin(payment, cause=cause.name, cause_id=cause.id)
    payment.failure_code, payment.failure_message = verdict.code, verdict.message
    payment.outcome_unknown_since = None
    changes.move(payment, Status.FAILED, cause=cause.name, cause_id=cause.id)
    changes.book(bookkeeping.failed(payment))
    changes.tell("payment.failed", payment)
    if payment.amount_overdrawn:
        review(payment, changes, Review.OVERDRAWN, operation)


def _confirm_refund(case: Case, refund: Refund, changes: Changes, cause: Cause) -> None:
    payment = case.payment
    late, beyond = refund.status == RefundStatus.FAILED, 0
    if late:
        # Its room was given back, and may be taken: what happened is booked all the same.
        beyond = _hold(payment, refund.amount)
        changes.book(bookkeeping.refund_confirmed_late(payment, refund, beyond=beyond))
    elif case.operation.origin == Origin.PROVIDER:
        beyond = _hold(payment, refund.amount)
        changes.book(bookkeeping.refund_unasked(payment, refund, beyond=beyond))
    else:
        changes.book(bookkeeping.refund_confirmed(payment, refund))
    refund.failure_code = refund.failure_message = ""
    refund.outcome_unknown_since = None
    changes.move_refund(refund, RefundStatus.SUCCEEDED, cause=cause.name, cause_id=cause.id)
    changes.tell("refund.succeeded_late" if late else "refund.succeeded", payment, refund)
    payment.amount_refunded += refund.amount
    changes.touch(payment)
    _end_if_all_went_back(payment, changes, cause)
    if beyond:
        # What was refunded was captured before: if we do not know that yet, knowing it ends this.
        review(payment, changes, Review.OVERDRAWN, None if payment.amount_captured else case.charge)


def _end_if_all_went_back(payment: Payment, changes: Changes, cause: Cause) -> None:
    if payment.status == Status.SUCCESS and payment.amount_refunded >= payment.amount_captured:
        changes.catch_up(payment, None)
        changes.move(payment, Status.REFUNDED, cause=cause.name, cause_id=cause.id)
        changes.tell("payment.refunded", payment)


def _fail_refund(
    payment: Payment, refund: Refund, verdict: Verdict, changes: Changes, cause: Cause
) -> None:
    refund.failure_code, refund.failure_message = verdict.code, verdict.message
    refund.outcome_unknown_since = None
    changes.move_refund(refund, RefundStatus.FAILED, cause=cause.name, cause_id=cause.id)
    recovered = _release(payment, refund.amount)
    changes.touch(payment)
    changes.book(bookkeeping.refund_failed(payment, refund, recovered=recovered))
    changes.tell("refund.failed", payment, refund)


def _hold(payment: Payment, amount: int) -> int:
    """Take room for a refund that happened; return what there was no room for."""
    beyond = max(0, amount - (payment.amount_captured - payment.amount_refund_held))
    payment.amount_refund_held += amount - beyond
    payment.amount_overdrawn += beyond
    return beyond


def _hold_what_suspense_bore(payment: Payment) -> int:
    """Take room for refunds that we heard of before the capture; return how much of it."""
    recovered = min(payment.amount_overdrawn, payment.amount_captured)
    payment.amount_overdrawn -= recovered
    payment.amount_refund_held += recovered
    return recovered


def _release(payment: Payment, amount: int) -> int:
    """Give a refund's room back, first to what had none; return how much of it that took."""
    recovered = min(payment.amount_overdrawn, amount)
    payment.amount_overdrawn -= recovered
    payment.amount_refund_held -= amount - recovered
    return recovered


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
