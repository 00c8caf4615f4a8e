"""How a message gets into the outbox: inside the transaction of the change that asks for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models.functions import Now

from core.db import needs_transaction
from core.ids import uuid7_text
from outbox.models import Message

# The CTE of a one-statement write; the caller says which guard it selects from, and names the
# subject and the kind.
INSERT_MESSAGE = """
    INSERT INTO outbox_message
        (id, kind, version, lane, subject_id, state, epoch, alone, worker, starts, failures, lost,
         max_attempts, last_error, trace)
    SELECT %(message_id)s, {kind}, 1, %(message_lane)s, {subject}, 0, 0, false, '', 0, 0, 0,
           {max_attempts}, '', %(message_trace)s
    FROM {guard}
    RETURNING id
"""
MAX_ATTEMPTS = 25


def insert_message(guard: str, *, kind: str, subject: str) -> str:
    """Return a CTE that stages a message if ``guard`` has a row; kind and subject are SQL."""
    return INSERT_MESSAGE.format(guard=guard, kind=kind, subject=subject, max_attempts=MAX_ATTEMPTS)


def message_params(*, lane: str, trace: str) -> dict[str, object]:
    """Return the parameters of ``insert_message``."""
    return {"message_id": uuid7_text(), "message_lane": lane, "message_trace": trace}


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
def hasten(subject_ids: list[UUID], at: datetime | None = None) -> None:
    """Make waiting messages about these subjects due now, or then if not before: there is news.

    One that waits to run alone keeps waiting, or it would be judged before its time.
    """
    moment = at or Now()
    Message.objects.filter(
        subject_id__in=subject_ids, state=0, alone=False, available_at__gt=moment
    ).update(available_at=moment)
