"""What an operator may do about a payment: have its provider asked now, and end a review.

Neither changes what is known: a status follows the facts, and a fact is a provider's.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now

from core import audit
from core.audit import ActRefused
from core.db import transaction
from core.kill_points import reached
from core.schema import TransactionTime
from outbox import staging
from outbox.models import Message, State
from outbox.operating import ACTIVE, refuse_unless_as_seen, word
from payments import cases
from payments.cases import Case
from payments.changes import Changes
from payments.facts import Said
from payments.handlers import INQUIRE, lane
from payments.models import Attempt, AttemptKind, Operation, Payment, Seen
from payments.reviews import seen, sight
from payments.states import OperationState


def has_unresolved_attempt(operation: Operation) -> bool:
    """Tell whether this operation was sent, perhaps, and nobody knows yet how it ended."""
    return bool(unresolved([operation.id]))


def unresolved(operations: Iterable[UUID]) -> set[UUID]:
    """Return those of these operations that were sent, perhaps, and nobody knows how they ended."""
    sends = Attempt.objects.filter(
        operation__in=list(operations), operation__state=OperationState.OPEN, kind=AttemptKind.SEND
    ).exclude(outcome=Said.NOT_SENT)
    return set(sends.values_list("operation_id", flat=True))


def inquire(message_id: UUID, *, epoch: int, state: int, actor: str, reason: str) -> str:
    """Have the provider asked now how an operation ended, and return the lane of who asks.

    Nothing is charged again: what was sent is asked about, by the same key or by our reference.

    :raises ActRefused: if the message is not as seen, its operation has nothing to be asked about,
        or whoever goes on with it cannot be hurried
    :raises ValueError: if nobody, or no reason, is named
    """
    with transaction():
        operation = _lock(message_id)
        message = refuse_unless_as_seen(message_id, epoch, state)
        if operation is None or not has_unresolved_attempt(operation):
            raise ActRefused(_nothing_to_ask(operation))
        asking, before = _hurried(operation) or (_staged(operation, message), {})
        reached("admin.after_inquiry_staged")
        audit.record(
            actor=actor,
            action="message.inquired",
            subject_type="message",
            subject_id=message_id,
            reason=reason,
            before=before,
            after=_facts(asking),
        )
        reached("admin.inquiry_uncommitted")
    reached("admin.after_inquiry")
    return asking.lane


def _lock(message_id: UUID) -> Operation | None:
    """Lock the payment first, as everybody does, and read the operation under that lock."""
    subject = Message.objects.filter(id=message_id).values("subject_id")
    found = Operation.objects.filter(id__in=subject)
    payments = Payment.objects.filter(id__in=found.values("payment_id"))
    return found.get() if payments.select_for_update(no_key=True).first() else None


def _nothing_to_ask(operation: Operation | None) -> str:
    if operation is None:
        return "it is about no operation, so there is nothing to ask a provider"
    if operation.state != OperationState.OPEN:
        return f"the {operation.kind} has {operation.state} by now"
    return f"the {operation.kind} was never sent, so there is nothing to ask; replay sends it"


def _hurried(operation: Operation) -> tuple[Message, dict[str, Any]] | None:
    """Make the active message of the operation due now, if there is one.

    :raises ActRefused: if it does not simply wait
    """
    active = Message.objects.filter(subject_id=operation.id, state__in=ACTIVE)
    waiting = active.select_for_update(no_key=True).first()
    if waiting is None:
        return None
    if waiting.state != State.PENDING or waiting.alone:
        raise ActRefused(_cannot_be_hurried(waiting))
    Message.objects.filter(id=waiting.id, epoch=waiting.epoch).update(
        available_at=Now(), epoch=F("epoch") + 1
    )
    return Message.objects.get(id=waiting.id), _facts(waiting)


def _cannot_be_hurried(message: Message) -> str:
    name = f"its {message.kind} message {message.id}"
    match message.state:
        case State.IN_FLIGHT:
            return f"{name} is in flight: the provider is being asked already"
        case State.HELD:
            return f"{name} is held: release it, and it asks"
    return f"{name} must run alone, and asks by itself at {message.available_at:%H:%M:%S} UTC"


def _staged(operation: Operation, message: Message) -> Message:
    new = staging.stage(
        kind=INQUIRE,
        lane=lane(INQUIRE, operation.gateway),
        subject_id=operation.id,
        trace=message.trace,
    )
    return Message.objects.get(id=new)


def _facts(message: Message) -> dict[str, Any]:
    return {
        "message": message.id,
        "kind": message.kind,
        "state": word(message.state),
        "epoch": message.epoch,
        "available_at": message.available_at,
    }


def sight_of(payment: Payment) -> str:
    """Return the mark of what a page about this payment shows, for ``end_review``."""
    return sight(payment, cases.of_payment(payment))


def end_review(payment_id: UUID, *, version: int, seen_as: str, actor: str, reason: str) -> None:
    """End a review, having seen what ``sight_of`` marks; what is known by now asks for nobody else.

    :raises ActRefused: if there is something new, nobody is asked to look, or something else is
        left that only ends otherwise
    :raises ValueError: if nobody, or no reason, is named
    """
    with transaction():
        payment = _locked(payment_id)
        known = cases.of_payment(payment)
        _check(payment, known, version, seen_as)
        ended = payment.review_reason
        Payment.objects.filter(id=payment_id).update(
            needs_review=False, review_reason="", review_operation=None, updated_at=payment.now
        )
        reached("admin.after_review")
        payment.needs_review, payment.updated_at = False, payment.now
        changes = Changes(payment.now)
        changes.tell("payment.review_ended", payment)
        changes.flush()
        entry = audit.record(
            actor=actor,
            action="payment.review_ended",
            subject_type="payment",
            subject_id=payment_id,
            reason=reason,
            before={"needs_review": True, "review_reason": ended, "status": payment.status},
            after={"needs_review": False},
        )
        Seen.objects.bulk_create(_newly_seen(known, entry))
        reached("admin.review_uncommitted")
    reached("admin.after_review_commit")


def _locked(payment_id: UUID) -> Any:
    found = Payment.objects.filter(id=payment_id).annotate(now=TransactionTime())
    payment = found.select_for_update(no_key=True).first()
    if payment is None:
        message = "there is no such payment"
        raise ActRefused(message)
    return payment


def _check(payment: Payment, known: list[Case], version: int, seen_as: str) -> None:
    if not payment.needs_review:
        message = "nobody is asked to look at it any more"
        raise ActRefused(message)
    if payment.version != version or sight(payment, known) != seen_as:
        message = (
            f"there is something new: it is {payment.status} now, and a person is asked because"
            f" “{payment.review_reason}”; look at it again"
        )
        raise ActRefused(message)
    for case in known:
        is_open = case.operation.state == OperationState.OPEN
        if is_open and not case.matters() and (why := _is_left(case.operation, payment)):
            message = f"its {case.operation.kind} {case.operation.id} is still open, and {why}"
            raise ActRefused(message)


def _is_left(operation: Operation, payment: Payment) -> str:
    """Return why ending the review would leave an open operation to nobody, if it would."""
    if payment.review_operation == operation.id:
        return "the review ends with that; have the provider asked"
    messages = Message.objects.filter(subject_id=operation.id)
    dead = messages.filter(state=State.DEAD).first()
    if dead is not None:
        return f"its message {dead.id} is dead: replay it, or have the provider asked"
    if not messages.filter(state__in=ACTIVE).exists():
        return "no message goes on with it"
    return ""


def _newly_seen(known: list[Case], entry: UUID) -> list[Seen]:
    return [
        Seen(
            operation=case.operation,
            audit_id=entry,
            outcome=matter.said.value,
            provider_id=matter.provider_id,
            amount=matter.amount,
            currency=matter.currency,
        )
        for case in known
        for matter in case.matters() - seen(case.operation)
    ]
