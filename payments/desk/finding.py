"""Which messages belong to which operations; the outbox knows its subjects as plain ids."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Q

from core.desk.pages import ROWS_MAX
from outbox.models import Message
from payments import happenings
from payments.models import Attempt, Operation, StatusChange


def messages_of(subjects: Sequence[UUID]) -> list[Message]:
    """Return the messages about these operations, the oldest first.

    A done one is found if it made an attempt or changed a status.
    """
    traces = [
        *Attempt.objects.filter(operation__in=subjects).values_list("message_id")[:ROWS_MAX],
        *StatusChange.objects.filter(payment__operations__in=subjects, cause="message").values_list(
            "cause_id"
        )[:ROWS_MAX],
    ]
    return happenings.messages_of(subjects, {message_id for (message_id,) in traces})


def operations_like(wanted: UUID) -> list[UUID]:
    """Return the operations that an id may mean: of one itself, of its payment, of its refund."""
    same = Q(id=wanted) | Q(payment=wanted) | Q(refund=wanted)
    return list(Operation.objects.filter(same).values_list("id", flat=True)[:ROWS_MAX])


def join_payments(messages: Iterable[Message]) -> None:
    """Set ``payment_id`` on messages about operations; None on others."""
    wanted = [message.subject_id for message in messages]
    known = dict(Operation.objects.filter(id__in=wanted).values_list("id", "payment_id"))
    for message in messages:
        message.payment_id = known.get(message.subject_id)  # type: ignore[attr-defined]  # joined
