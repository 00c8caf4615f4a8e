"""What a fold means for the payment: status, books and events move together.

Both the worker with an answer and the webhook with a notice end here, so it makes no difference
who comes first, nor how often they come.
"""

from django.conf import settings

from gateways import registry
from payments import bookkeeping
from payments.advancing import Cause, advance, end_if_all_went_back
from payments.cases import Case
from payments.changes import Changes
from payments.facts import Meaning, Review, Verdict
from payments.models import Operation, OperationKind, Origin, Payment, Refund
from payments.reviews import end_own_review, is_over, review
from payments.standing import is_manual
from payments.states import OperationState, RefundStatus, Status

NOTICE = "notice"
# What a merchant is told of a no that leaves the payment where it is.
_REFUSED: dict[str, str] = {
    OperationKind.CAPTURE: "payment.capture_failed",
    OperationKind.VOID: "payment.cancel_failed",
}


def apply(case: Case, changes: Changes, cause: Cause) -> Verdict:
    """Bring the payment to what the facts of this operation mean; return that."""
    verdict = case.verdict()
    operation = case.operation
    if verdict.meaning is Meaning.SUCCEEDED and operation.state != OperationState.SUCCEEDED:
        _succeeded(case, changes, verdict, cause)
    elif verdict.meaning is Meaning.FAILED and operation.state == OperationState.OPEN:
        _failed(case, changes, verdict, cause)
    elif verdict.ran_out and case.payment.status == Status.FAILED:
        advance(case, verdict, changes, cause)  # another no says more than the first one
    elif operation.state == OperationState.OPEN:
        _wait(case, changes, verdict, cause)
    if verdict.meaning is Meaning.SUCCEEDED:
        _book_surplus(case, changes, verdict)
    if verdict.review and not is_over(case):
        review(case.payment, changes, verdict.review)
    return verdict


def _succeeded(case: Case, changes: Changes, verdict: Verdict, cause: Cause) -> None:
    operation, refund = case.operation, case.operation.refund
    changes.catch_up(case.payment, refund)
    end_own_review(case.payment, case.operation, changes)
    operation.recheck_at = None
    _settle(operation, OperationState.SUCCEEDED, verdict, changes)
    if refund is not None:
        _confirm_refund(case, refund, changes, cause)
    else:
        _end_doubt(case.payment, changes)
        if operation.kind == OperationKind.CAPTURE and case.payment.amount_captured:
            _book_second_capture(case.payment, operation, changes)
        advance(case, verdict, changes, cause)


def _book_second_capture(payment: Payment, operation: Operation, changes: Changes) -> None:
    """What was held was taken by two captures: the second one is no money of the merchant's."""
    posting = bookkeeping.moved_again(payment, operation, operation.provider_id)
    changes.book_and_tell(posting, "payment.captured_again", payment, None)
    review(payment, changes, Review.MOVED_TWICE)


def _wait(case: Case, changes: Changes, verdict: Verdict, cause: Cause) -> None:
    operation = case.operation
    if operation.kind == OperationKind.CHARGE:
        _follow_the_payer(case, changes, verdict, cause)
    is_less = operation.kind == OperationKind.CHARGE and verdict.meaning is not Meaning.UNKNOWN
    if is_less and any(kin.claims for kin in case.family):
        return  # the doubt, if there is one, is about the capture or void under way
    if cause.name != NOTICE:
        # A notice says nothing of a call that may just be on its way.
        _note_doubt(operation.refund or case.payment, changes, verdict)


def _follow_the_payer(case: Case, changes: Changes, verdict: Verdict, cause: Cause) -> None:
    """Have the payment wait for its payer while the open charge does, and for nobody when not."""
    payment = case.payment
    if verdict.waits_for_payer != (payment.status == Status.REQUIRES_ACTION):
        advance(case, verdict, changes, cause)
        if verdict.waits_for_payer and case.operation.provider_id != verdict.provider_id:
            # Whoever lets go of the charge meanwhile has to name it.
            case.operation.provider_id = verdict.provider_id
            changes.settle(case.operation)
    elif verdict.action_url != payment.next_action_url:
        payment.next_action_url = verdict.action_url
        changes.touch(payment)
        changes.tell("payment.next_action_changed", payment)


def _book_surplus(case: Case, changes: Changes, verdict: Verdict) -> None:
    """Book what moved besides the one movement that we asked for; each once, however often told."""
    payment, operation = case.payment, case.operation
    if not operation.provider_id or not _moves_money(case):
        return
    for provider_id in sorted(verdict.moved - {operation.provider_id, ""}):
        posting = bookkeeping.moved_again(payment, operation, provider_id)
        name = "refund.succeeded_again" if operation.refund else "payment.captured_again"
        changes.book_and_tell(posting, name, payment, operation.refund)


def _moves_money(case: Case) -> bool:
    """Tell whether this operation moves money, or only has it held or let go."""
    if case.operation.kind == OperationKind.CHARGE:
        return not is_manual(case.payment.capture_method)
    return case.operation.kind != OperationKind.VOID


def _failed(case: Case, changes: Changes, verdict: Verdict, cause: Cause) -> None:
    operation, refund = case.operation, case.operation.refund
    changes.catch_up(case.payment, refund)
    end_own_review(case.payment, case.operation, changes)
    if operation.first_sent_at and _may_be_found(operation.gateway):
        # A provider may change its mind, and a lost webhook must not be the only one to say so.
        operation.recheck_at = changes.now + settings.RECHECK_EVERY
    _settle(operation, OperationState.FAILED, verdict, changes)
    if refund is not None:
        _fail_refund(case.payment, refund, verdict, changes, cause)
        return
    _end_doubt(case.payment, changes)
    if operation.kind == OperationKind.CHARGE:
        advance(case, verdict, changes, cause)
    else:
        changes.tell_failure(_REFUSED[operation.kind], case.payment, verdict.code, verdict.message)


def _may_be_found(gateway: str) -> bool:
    """One that is not configured now may be again when its time comes."""
    return not registry.is_configured(gateway) or registry.get(gateway).capabilities.find


def _settle(
    operation: Operation, state: OperationState, verdict: Verdict, changes: Changes
) -> None:
    operation.state, operation.settled_at = state, changes.now
    operation.provider_id = verdict.provider_id or operation.provider_id
    operation.claims = None
    changes.settle(operation)


def _end_doubt(payment: Payment, changes: Changes) -> None:
    if payment.outcome_unknown_since is not None:
        payment.outcome_unknown_since = None
        changes.touch(payment)


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
    end_if_all_went_back(payment, changes, cause)
    if beyond:
        # What was refunded was captured before: if we do not know that yet, knowing it ends this.
        review(payment, changes, Review.OVERDRAWN, None if payment.amount_captured else case.charge)


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
