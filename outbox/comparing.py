"""Compare and set: a message is written only if it still is as it was read.

That needs no row lock, which Django drops in silence where the database has none.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from core.meanings import Rows
from core.portable import time
from outbox.models import Message, State

CLAIMED = Q(state=State.IN_FLIGHT, started_at=None)
RUNNING = Q(state=State.IN_FLIGHT, started_at__isnull=False)
UNFINISHED = Q(state__in=[State.PENDING, State.IN_FLIGHT])
BACK: dict[str, Any] = {"state": State.PENDING, "lease_until": None, "job": None}


def due(**asked: Any) -> QuerySet[Message]:
    """Return the messages that are due."""
    return Message.objects.filter(state=State.PENDING, available_at__lte=time(), **asked)


def write(message_id: UUID, epoch: int, as_read: Q, /, **columns: Any) -> bool:
    """Write a message; say whether it was still as it was read."""
    found = Message.objects.filter(as_read, id=message_id, epoch=epoch)
    return found.update(**columns) == 1


def write_all(pairs: Iterable[tuple[UUID, int]], as_read: Q, **columns: Any) -> Rows:
    """Write messages by id and epoch; return the ids of those that were as they were read."""
    return [(one,) for one, epoch in pairs if write(one, epoch, as_read, **columns)]
