"""Takes back what nobody wants done any more."""

from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now

from core.db import needs_transaction
from outbox.models import Message, State
from outbox.operating import ACTIVE


@needs_transaction
def withdraw(subject_id: UUID) -> None:
    """End what waits to be done about a subject; the epoch goes up, so who has a copy is fenced."""
    Message.objects.filter(subject_id=subject_id, state__in=ACTIVE).update(
        state=State.DONE, epoch=F("epoch") + 1, finished_at=Now(), lease_until=None, job=None
    )
