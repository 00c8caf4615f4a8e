"""Brings a payment to where its operations put it: status, books and events move together."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from payments import bookkeeping
from payments.cases import Case
from payments.changes import Changes
from payments.facts import Review, Verdict
from payments.models import Operation, OperationKind, Payment, StatusChange
from payments.reviews import review
from payments.standing import Known, is_captured, is_manual, standing, voided_by
from payments.states import GIVEN_UP, OperationState, Status


@dataclass(frozen=True, slots=True)
class Cause:
    """What made a change happen: an attempt's answer, a provider's notice, …"""

    name: str
    id: UUID


def known_of(case: Case, verdict: Verdict) -> Known:
    """Return what is known of a payment, as of the end of this operation.

    What only the facts of the charge say is taken from where the payment stands, if this is about
    another operation.
    """
    payment, charge = case.payment, charge_of(case)
    voided = voided_by(case.family)
    is_charge = charge is case.operation
    was_canceled = payment.status == Status.CANCELED  # whoever let go of it afterwards
    ran_out = verdict.ran_out if is_charge else payment.status == Status.EXPIRED and voided is None
    still_waits = payment.status == Status.REQUIRES_ACTION
    return Known(
        charge=OperationState(charge.state),
        is_manual=is_manual(payment.capture_method),
        is_captured=is_captured(case.family),
        voided_by=voided,
        was_closed=charge.state == OperationState.CLOSED or was_canceled,
        ran_out=ran_out,
        waits_for_payer=verdict.waits_for_payer if is_charge else still_waits,
        was_begun=payment.status != Status.CREATED,
    )


def charge_of(case: Case) -> Operation:
    """Return the charge of this payment."""
    charge = case.operation if case.operation.kind == OperationKind.CHARGE else case.charge
    if charge is None:
        message = "a case comes with its payment's charge"
        raise ValueError(message)
    return charge


def advance(case: Case, verdict: Verdict, changes: Changes, cause: Cause) -> None:
    """Move the payment to where all that is known of its operations puts it."""
    payment, known = case.payment, known_of(case, verdict)
    after = standing(known)
    if after != payment.status and not (after == Status.SUCCESS and payment.amount_captured):
        changes.catch_up(payment, None)
        if after != Status.CANCELED or payment.status != Status.CREATED:
            changes.begin(payment, cause=cause.name, cause_id=cause.id)
        if after != payment.status:
            _move(case, after, verdict, changes, cause)
    if known.money_moved and known.voided_by:
        review(payment, changes, Review.TAKEN_AND_LET_GO)
    is_held = known.charge is OperationState.SUCCEEDED and not known.voided_by
    if after == Status.CANCELED and is_held:
        review(payment, changes, Review.HELD_ALTHOUGH_CANCELED)


def _move(case: Case, after: Status, verdict: Verdict, changes: Changes, cause: Cause) -> None:
    payment, before = case.payment, case.payment.status
    late = was_given_up(payment, changes)
    payment.failure_code = payment.failure_message = ""
    payment.next_action_url = verdict.action_url if after == Status.REQUIRES_ACTION else ""
    if before == Status.AUTHORIZED:
        _look_no_more(charge_of(case), changes)
    if after == Status.SUCCESS:
        _capture(case, late=late, changes=changes, cause=cause)
        return
    if after == Status.FAILED:
        payment.failure_code, payment.failure_message = verdict.code, verdict.message
    changes.move(payment, after, cause=cause.name, cause_id=cause.id)
    if after in GIVEN_UP and not late:
        changes.book(bookkeeping.ended(payment, after))
    if after == Status.AUTHORIZED:
        charge_of(case).recheck_at = changes.now + settings.AUTHORIZATION_INQUIRY
        changes.settle(charge_of(case))
    name = f"payment.{after.lower()}"
    is_held_late = late and after == Status.AUTHORIZED
    changes.tell(f"{name}_late" if is_held_late else name, payment)
    if after == Status.FAILED and payment.amount_overdrawn:
        review(payment, changes, Review.OVERDRAWN, case.operation)


def was_given_up(payment: Payment, changes: Changes) -> bool:
    """Tell whether the books expect nothing of it any more, although no money moved."""
    if payment.status != Status.AUTHORIZED:
        return payment.status in GIVEN_UP
    if changes.has_been(payment, GIVEN_UP):
        return True
    steps = StatusChange.objects.filter(payment=payment, refund=None, after__in=GIVEN_UP)
    return steps.exists()


def _look_no_more(charge: Operation, changes: Changes) -> None:
    if charge.recheck_at is not None:
        charge.recheck_at = None
        changes.settle(charge)


def _capture(case: Case, *, late: bool, changes: Changes, cause: Cause) -> None:
    payment, taken = case.payment, case.operation
    payment.amount_captured = taken.amount
    recovered = _hold_what_suspense_bore(payment)
    changes.move(payment, Status.SUCCESS, cause=cause.name, cause_id=cause.id)
    changes.book(bookkeeping.captured(payment, taken.amount, late=late, recovered=recovered))
    changes.tell("payment.succeeded_late" if late else "payment.succeeded", payment)
    end_if_all_went_back(payment, changes, cause)
    if payment.amount_overdrawn:
        review(payment, changes, Review.OVERDRAWN)


def end_if_all_went_back(payment: Payment, changes: Changes, cause: Cause) -> None:
    """Make a payment REFUNDED of which everything that was captured went back."""
    if payment.status == Status.SUCCESS and payment.amount_refunded >= payment.amount_captured:
        changes.catch_up(payment, None)
        changes.move(payment, Status.REFUNDED, cause=cause.name, cause_id=cause.id)
        changes.tell("payment.refunded", payment)


def _hold_what_suspense_bore(payment: Payment) -> int:
    """Take room for refunds that we heard of before the capture; return how much of it."""
    recovered = min(payment.amount_overdrawn, payment.amount_captured)
    payment.amount_overdrawn -= recovered
    payment.amount_refund_held += recovered
    return recovered
