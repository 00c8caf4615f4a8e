"""How a message gets into the outbox: inside the transaction of the change that asks for it."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from core.db import needs_transaction
from core.ids import uuid7_text
from outbox.models import Message

# The CTE of a one-statement write; the caller names the guard it selects from.
INSERT_MESSAGE = """
    INSERT INTO outbox_message
        (id, kind, version, lane, subject_id, state, epoch, alone, worker, starts, failures, lost,
         max_attempts, last_error, trace)
    SELECT %(message_id)s, %(message_kind)s, 1, %(message_lane)s, %(message_subject)s, 0, 0, false,
           '', 0, 0, 0, %(message_max_attempts)s, '', %(message_trace)s
    FROM {guard}
    RETURNING id
"""
MAX_ATTEMPTS = 25


def message_params(
    *, kind: str, lane: str, subject_id: UUID | str, trace: str
) -> dict[str, object]:
    """Return the parameters of ``INSERT_MESSAGE``."""
    return {
        "message_id": uuid7_text(),
        "message_kind": kind,
        "message_lane": lane,
        "message_subject": subject_id,
        "message_max_attempts": MAX_ATTEMPTS,
        "message_trace": trace,
    }


@needs_transaction
def stage(
    *, kind: str, lane: str, subject_id: UUID, delay: timedelta | None = None, trace: str = ""
) -> UUID:
    """Stage a message, due after ``delay`` by the database's clock; return its id."""
    message = Message(
        kind=kind, lane=lane, subject_id=subject_id, max_attempts=MAX_ATTEMPTS, trace=trace
    )
    if delay:
        message.available_at = Now() + delay
    message.save(force_insert=True)
    return message.id


@needs_transaction
def stage_all(*, kind: str, wanted: Sequence[tuple[str, UUID]], trace: str = "") -> None:
    """Stage a message for each lane and subject, due now."""
    Message.objects.bulk_create(
        Message(kind=kind, lane=lane, subject_id=subject_id, max_attempts=MAX_ATTEMPTS, trace=trace)
        for lane, subject_id in wanted
    )


@needs_transaction
def hasten(subject_ids: list[UUID]) -> None:
    """Make waiting messages about these subjects due now: there is news.

    One that waits to run alone keeps waiting, or it would be judged before its time.
    """
    Message.objects.filter(
        subject_id__in=subject_ids, state=0, alone=False, available_at__gt=Now()
    ).update(available_at=Now())
