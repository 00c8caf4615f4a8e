"""What the statements that repair the outbox mean, in the ORM's words (``core.meanings``)."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Exists, F, Min, OuterRef

from core.meanings import Rows, means
from core.portable import time
from outbox.comparing import BACK, CLAIMED, RUNNING, due, write, write_all
from outbox.handling import Started
from outbox.models import Lapse, Message, State
from outbox.poison import LAPSES_BEFORE_ALONE, LONE_LAPSES_MAX
from outbox.sampling import _PENDING
from outbox.sweeping import _BURY, _CONVICTED, _PRUNE, _RETURN_LAPSED, _RETURN_LOST

STARTED = [field.name for field in fields(Started)]


@means(_RETURN_LOST)
def return_lost(*, limit: int) -> Rows:
    """Return what was claimed and never started."""
    now = time()
    lost = Message.objects.filter(CLAIMED, lease_until__lt=now).order_by("id")[:limit]
    back = BACK | {"lost": F("lost") + 1, "available_at": now}
    return write_all([(m.id, m.epoch) for m in lost], CLAIMED, **back)


@means(_RETURN_LAPSED)
def return_lapsed(*, limit: int, lease: timedelta) -> Rows:
    """Return what was started and never finished, and note each lapse."""
    now, lapses = time(), []
    gone = Message.objects.filter(RUNNING, lease_until__lt=now).order_by("id")[:limit]
    for message in gone:
        back = BACK | {
            "lapses": message.lapses + 1,
            "alone": message.alone or message.lapses + 1 >= LAPSES_BEFORE_ALONE,
            "available_at": now + (lease if message.alone else timedelta(0)),
            "last_error": "its worker died, froze or was too slow",
        }
        if write(message.id, message.epoch, RUNNING, **back):
            lapses.append(_lapse(message))
    Lapse.objects.bulk_create(lapses)
    return [(lapse.message_id,) for lapse in lapses]


def _lapse(message: Message) -> Lapse:
    same = ("epoch", "worker", "alone", "started_at", "lease_until")
    return Lapse(message_id=message.id, **{name: getattr(message, name) for name in same})


def is_poison(message: Message) -> bool:
    """Tell whether a message keeps killing its workers: ``outbox.poison.IS_POISON``."""
    in_company = Lapse.objects.filter(
        worker=OuterRef("worker"),
        started_at__lt=OuterRef("lease_until"),
        lease_until__gt=OuterRef("started_at"),
    ).exclude(message_id=message.id)
    lone = Lapse.objects.filter(~Exists(in_company), message_id=message.id, alone=True)
    return message.starts >= LONE_LAPSES_MAX and lone.count() >= LONE_LAPSES_MAX


@means(_CONVICTED)
def convicted(*, limit: int) -> Rows:
    """Return the messages that keep killing their workers."""
    found = [message for message in due(alone=True) if is_poison(message)]
    return [(message.id, message.subject_id, message.kind) for message in found[:limit]]


@means(_BURY)
def bury(*, ids: Sequence[UUID], reason: str, max: int) -> Rows:  # noqa: A002 - the statement's
    """Make convicted messages dead."""
    doomed = list(due(alone=True, id__in=ids, starts__gte=max).values_list("id", flat=True))
    over = {"state": State.DEAD, "finished_at": time(), "last_error": reason}
    Message.objects.filter(id__in=doomed).update(epoch=F("epoch") + 1, **over)
    return list(
        Message.objects.filter(id__in=doomed).values_list(
            *[field.name for field in fields(Started)]
        )
    )


@means(_PRUNE)
def prune(*, before: UUID, kept: timedelta, limit: int) -> Rows:
    """Delete done messages that are old."""
    done = Message.objects.filter(state=State.DONE, id__lt=before, finished_at__lt=time() - kept)
    ids = list(done.order_by("id").values_list("id", flat=True)[:limit])
    Message.objects.filter(id__in=ids).delete()
    return [(one,) for one in ids]


@means(_PENDING)
def pending() -> Rows:
    """Return how much waits in each lane, and for how long."""
    now = time()
    lanes = Message.objects.filter(state=State.PENDING).values_list("lane")
    found = lanes.annotate(Count("id"), Min("available_at")).order_by("lane")
    return [(lane, n, max(0.0, (now - oldest).total_seconds())) for lane, n, oldest in found]
