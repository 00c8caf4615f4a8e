"""What the statements about events and timelines mean, for databases other than PostgreSQL."""

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import Max

from core.audit import AuditEntry
from core.meanings import Rows, means
from core.models import IdempotencyRecord
from core.portable import time
from payments.happenings import ACTS, ANSWERS
from payments.models import Event, EventNumber
from payments.numbering import ALONE, BEGIN_ANEW_ELSEWHERE, NUMBER
from payments.sampling import UNNUMBERED


@means(ALONE)
def number_alone(patience: str, number: int) -> Rows:
    """Return that nobody else numbers: there is one dispatcher, and it waited as it began."""
    return [(patience, True)]


@means(BEGIN_ANEW_ELSEWHERE)
def begin_numbers_anew() -> Rows:
    """Do nothing: without transaction ids there is no mark."""
    return []


@means(NUMBER)
def number_events(*, most: int) -> Rows:
    """Number events by their ids: who writes here has waited for everybody before."""
    fresh = list(Event.objects.filter(place=None).order_by("id")[:most])
    found: Rows = []
    for event in fresh:
        feed = EventNumber.objects.filter(merchant_id=event.merchant_id, mode=event.mode)
        number = (feed.aggregate(last=Max("number"))["last"] or 0) + 1
        EventNumber.objects.create(
            event=event, merchant_id=event.merchant_id, mode=event.mode, number=number
        )
        found.append(
            (
                len(fresh), event.id, event.merchant_id, event.mode, number, event.type,
                event.aggregate_type, event.aggregate_id, event.version,
                json.dumps(event.payload, ensure_ascii=False), event.created_at,
            )
        )  # fmt: skip
    return found or [(0, *[None] * 10)]


@means(UNNUMBERED)
def unnumbered() -> Rows:
    """Return how long the oldest event has waited for its number, if one does."""
    oldest = Event.objects.filter(place=None).order_by("id").first()
    return [((time() - oldest.created_at).total_seconds(),)] if oldest else []


@means(ACTS)
def acts(subjects: Sequence[str], limit: int) -> Rows:
    """Return what operators did to these."""
    shown = AuditEntry.objects.filter(subject_type__in=["payment", "message", "provider_event"])
    found = shown.filter(subject_id__in=subjects).order_by("id")[:limit]
    return [(one.id, one.at, one.action, one.xid) for one in found]


@means(ANSWERS)
def answers(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Return the answers that were given as these things were made."""
    found: Rows = []
    for made, about, upto in values:
        written = IdempotencyRecord.objects.filter(
            id__gt=made, id__lt=upto, resource_id=about
        ).order_by("id")
        found += [(made, one.id, one.key, one.status) for one in written[:1]]
    return found
