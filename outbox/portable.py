"""What the statements of the outbox mean, in the ORM's words (``core.meanings``).

A claim reads its candidates and writes each only if it still is as it was read. What sweeping says
is in ``outbox.portable_sweeping``. A savepoint stands where a statement is its own transaction.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, F, Q, Value, When

from core.db import savepoint
from core.meanings import Rows, means
from core.portable import time
from outbox.comparing import BACK, CLAIMED, UNFINISHED, due, write, write_all
from outbox.delivery import _AGAIN, _DEAD, _DONE, _OURS, _PEEK, _START, _START_LOCALLY
from outbox.leasing import (
    _ALL_LANES,
    _CLAIM,
    _CLAIM_ALONE,
    _DUE_LANES,
    _EXPIRE_UNSTARTED,
    _GIVE_BACK,
    _IN_FLIGHT,
)
from outbox.models import Message, State
from outbox.portable_sweeping import STARTED, is_poison

_ON_THE_WAY: dict[str, Any] = {"state": State.IN_FLIGHT, "started_at": None, "worker": ""}


# The worker's side


def _of(ids: Sequence[UUID], epochs: Sequence[int], as_read: Q) -> list[Message]:
    wanted = set(zip(ids, epochs, strict=True))
    found = Message.objects.filter(as_read, id__in=ids).order_by("id")
    return [message for message in found if (message.id, message.epoch) in wanted]


@means(_PEEK)
def peek(*, ids: Sequence[UUID], epochs: Sequence[int]) -> Rows:
    """Return what could still be started."""
    return [(m.id, m.kind, m.subject_id) for m in _of(ids, epochs, CLAIMED)]


@means(_START, _START_LOCALLY)
def start(
    *,
    ids: Sequence[UUID],
    epochs: Sequence[int],
    worker: str,
    lease: timedelta,
    kinds: Sequence[str] | None = None,
) -> Rows:
    """Start what was claimed and not started, if it is of these kinds."""
    as_read = CLAIMED if kinds is None else CLAIMED & Q(kind__in=kinds)
    with savepoint():
        now = time()
        columns = {"started_at": now, "worker": worker, "lease_until": now + lease}
        pairs = zip(ids, epochs, strict=True)
        won = [one for (one,) in write_all(pairs, as_read, starts=F("starts") + 1, **columns)]
        return list(Message.objects.filter(id__in=won).values_list(*STARTED))


@means(_OURS)
def ours(*, ids: Sequence[UUID], epochs: Sequence[int]) -> Rows:
    """Return what is still ours; the transaction has locked out everybody else."""
    return [(message.id,) for message in _of(ids, epochs, UNFINISHED)]


@means(_DONE)
def end_done(*, ids: Sequence[UUID], epochs: Sequence[int]) -> Rows:
    """Write that messages are done."""
    over = BACK | {"state": State.DONE, "finished_at": time()}
    return write_all(zip(ids, epochs, strict=True), UNFINISHED, **over)


@means(_AGAIN)
def again(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Write that messages run again."""
    now, written = time(), []
    for message_id, epoch, delay, spent, error, lane in values:
        columns = BACK | {
            "available_at": now + delay,
            "alone": False,
            "lapses": 0,
            "last_error": error,
            "failures": F("failures")
            + Case(When(Q(state=State.IN_FLIGHT) | Q(lapses__gt=0), then=Value(spent)), default=0),
            "lane": lane or F("lane"),
        }
        written += write_all([(message_id, epoch)], UNFINISHED, **columns)
    return written


@means(_DEAD)
def end_dead(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Write that messages are dead."""
    over = BACK | {"state": State.DEAD, "finished_at": time(), "failures": F("failures") + 1}
    return [
        row
        for message_id, epoch, error in values
        for row in write_all([(message_id, epoch)], UNFINISHED, **over, last_error=error)
    ]


# The dispatcher's side


@means(_DUE_LANES)
def due_lanes(*, lanes: Sequence[str], floors: Sequence[datetime]) -> Rows:
    """Return the lanes that have something due above their floors."""
    known = zip(lanes, floors, strict=True)
    return [(lane,) for lane, low in known if due(lane=lane, available_at__gte=low).exists()]


@means(_ALL_LANES)
def all_lanes() -> Rows:
    """Return the lanes that have something pending."""
    pending = Message.objects.filter(state=State.PENDING)
    return list(pending.order_by("lane").values_list("lane").distinct())


@means(_CLAIM)
def claim(  # noqa: PLR0913 - the statement's parameters
    *, lane: str, limit: int, size: int, lease: timedelta, floor: datetime, jobs: Sequence[UUID]
) -> Rows:
    """Take the longest due, cut into jobs by their ids."""
    claimed = []
    with savepoint():
        now = time()
        found = due(lane=lane, alone=False, available_at__gte=floor).order_by("available_at", "id")
        for place, message in enumerate(sorted(found[:limit], key=lambda message: message.id)):
            job = jobs[place // size]
            if _take(message, now + lease, job):
                claimed.append((job, message.id, message.epoch + 1, message.available_at, now))
    return claimed


def _take(message: Message, lease_until: datetime, job: UUID) -> bool:
    columns = _ON_THE_WAY | {"epoch": message.epoch + 1, "lease_until": lease_until, "job": job}
    return write(message.id, message.epoch, Q(state=State.PENDING), **columns)


@means(_CLAIM_ALONE)
def claim_alone(
    *, lease: timedelta, job: UUID, barred: Sequence[str], served: Sequence[str]
) -> Rows:
    """Take one message to run alone, unless one does already."""
    turns = {lane: turn for turn, lane in reversed([*enumerate(served)])}
    with savepoint():
        if Message.objects.filter(state=State.IN_FLIGHT, alone=True).exists():
            return []
        waiting = due(alone=True).exclude(lane__in=barred).order_by("available_at")
        fit = [message for message in waiting if not is_poison(message)]
        now = time()
        for message in sorted(fit, key=lambda message: turns.get(message.lane, -1))[:1]:
            if _take(message, now + lease, job):
                return [(message.lane, message.id, message.epoch + 1, job, now)]
    return []


@means(_GIVE_BACK)
def give_back(*, ids: Sequence[UUID], epochs: Sequence[int], delay: timedelta) -> Rows:
    """Return what was claimed and not started."""
    back = BACK | {"available_at": time() + delay}
    return write_all(zip(ids, epochs, strict=True), CLAIMED, **back)


@means(_IN_FLIGHT)
def in_flight(*, lease: timedelta) -> Rows:
    """Return the jobs in flight, and for how long they have waited and run."""
    now = time()
    jobs: defaultdict[tuple[str, UUID | None], list[Message]] = defaultdict(list)
    for message in Message.objects.filter(state=State.IN_FLIGHT):
        jobs[message.lane, message.job].append(message)
    return [(lane, job, *_flight(mine, now, lease)) for (lane, job), mine in jobs.items()]


def _flight(messages: list[Message], now: datetime, lease: timedelta) -> tuple[Any, ...]:
    waiting = [m.lease_until for m in messages if m.started_at is None and m.lease_until]
    running = [m.started_at for m in messages if m.started_at]
    claimed_at = max(waiting) - lease if waiting else None
    return (
        any(message.alone for message in messages),
        len(waiting),
        claimed_at,
        (now - claimed_at).total_seconds() if claimed_at else 0.0,
        (now - min(running)).total_seconds() if running else 0.0,
    )


@means(_EXPIRE_UNSTARTED)
def expire_unstarted() -> Rows:
    """End the leases of what nobody has started."""
    waiting = Message.objects.filter(CLAIMED, lease_until__gt=time())
    ids = list(waiting.values_list("id"))
    waiting.update(lease_until=time())
    return ids
