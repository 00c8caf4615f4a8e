"""Messages as an operator looks for them: by what is wrong with them, a bounded page at a time.

Every list is a chain of parts, and every part an order that a partial index (or the primary key)
has. Done rows are in none of those indexes, so however many there are, only their own list meets
them.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from outbox import leasing
from outbox.models import Message, State

# What waits longer than a poll, a claim and a busy minute is not waiting, it is stuck.
OVERDUE = timedelta(minutes=1)
# The sweeper looks every second or so; a lease that ran out so long ago was met by nobody.
UNSWEPT = timedelta(seconds=30)
# A filter has no index of its own. It is tried on so many messages of a part, then one page ends.
WINDOW = 500

Keep = Callable[[Message], bool]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: in which part, after which message."""

    part: int
    at: datetime
    id: UUID


Part = Callable[[Place | None, int], Iterable[Message]]


def _newest(*conditions: Q, **columns: object) -> Part:
    """Return the part of messages that are read by id, newest first."""

    def part(after: Place | None, limit: int) -> Iterable[Message]:
        found = Message.objects.filter(*conditions, **columns).order_by("-id")
        return found.filter(id__lt=after.id)[:limit] if after else found[:limit]

    return part


def _by_due_time(found: QuerySet[Message], after: Place | None, limit: int) -> QuerySet[Message]:
    if after:
        later = Q(available_at__gt=after.at) | Q(available_at=after.at, id__gt=after.id)
        found = found.filter(later, available_at__gte=after.at)
    return found.order_by("available_at", "id")[:limit]


def _longest_due(*conditions: Q) -> Part:
    """Return the part of pending messages that are read lane by lane, the longest due first."""

    def part(after: Place | None, limit: int) -> Iterable[Message]:
        pending = Message.objects.filter(*conditions, state=State.PENDING)
        lanes = [
            _by_due_time(pending.filter(lane=lane), after, limit) for lane in leasing.all_lanes()
        ]
        merged = heapq.merge(*lanes, key=lambda message: (message.available_at, message.id))
        return islice(merged, limit)

    return part


def _lone(after: Place | None, limit: int) -> Iterable[Message]:
    found = Message.objects.filter(state=State.PENDING, alone=True)
    return _by_due_time(found, after, limit)


_OVERDUE = Q(available_at__lt=Now() - OVERDUE)
_DEAD = _newest(state=State.DEAD)
_HELD = _newest(state=State.HELD)
_UNSWEPT = _newest(state=State.IN_FLIGHT, lease_until__lt=Now() - UNSWEPT)

LISTS: dict[str, tuple[str, Sequence[Part]]] = {
    "stuck": ("stuck", (_DEAD, _HELD, _UNSWEPT, _lone, _longest_due(_OVERDUE, Q(alone=False)))),
    "dead": ("dead", (_DEAD,)),
    "held": ("held", (_HELD,)),
    "overdue": ("overdue", (_longest_due(_OVERDUE),)),
    "waiting": ("waiting", (_longest_due(),)),
    "in_flight": ("in flight", (_newest(state=State.IN_FLIGHT),)),
    "open": ("all not done", (_DEAD, _HELD, _newest(state=State.IN_FLIGHT), _longest_due())),
    "done": ("done", (_newest(state=State.DONE),)),
}


def page(
    name: str, start: Place | None, size: int, keep: Keep | None = None
) -> tuple[list[Message], Place | None]:
    """Return one page of a list, and where the next one begins; None if it was the last."""
    parts = LISTS[name][1]
    taken: list[Message] = []
    number, after, end = (start.part if start else 0), start, start
    while number < len(parts):
        limit = WINDOW if keep else size + 1 - len(taken)
        looked_at = 0
        for message in parts[number](after, limit):
            if keep is None or keep(message):
                if len(taken) == size:
                    return taken, end
                taken.append(message)
            looked_at += 1
            end = Place(number, message.available_at, message.id)
        if keep and looked_at == WINDOW:
            return taken, end
        number, after = number + 1, None
    return taken, None


def about(subjects: Sequence[UUID]) -> list[Message]:
    """Return the messages about these subjects that are not done; done ones are not indexed so."""
    active = [State.PENDING, State.IN_FLIGHT, State.HELD]
    of_these = Message.objects.filter(subject_id__in=subjects)
    return [*of_these.filter(state__in=active), *of_these.filter(state=State.DEAD)]
