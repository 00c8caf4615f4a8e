"""What the statements about providers' webhooks mean, in the ORM's words (``core.meanings``)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from core.meanings import Rows, means
from core.portable import time
from webhooks.applying import _WRITE_APPLIED, _WRITE_PARKED
from webhooks.ingress import _STORE
from webhooks.models import Delivery, DeliveryAttempt, ProviderEvent
from webhooks.progress import ANSWER, PROGRESS, WRITE
from webhooks.trail import NEWEST_ATTEMPTS


@means(_STORE)
def store(*, digest: str, parked_reason: str, **columns: Any) -> Rows:
    """Store an event unless the same content came before."""
    same = {"gateway": columns["gateway"], "content_sha256": digest}
    if ProviderEvent.objects.filter(**same).exists():
        return []
    parked_at = time() if parked_reason else None
    event = ProviderEvent(
        content_sha256=digest, parked_at=parked_at, parked_reason=parked_reason, **columns
    )
    event.save(force_insert=True)
    return [(event.id,)]


@means(_WRITE_APPLIED)
def write_applied(ids: Sequence[UUID]) -> Rows:
    """Write that events were applied."""
    ProviderEvent.objects.filter(id__in=ids).update(applied_at=time())
    return []


@means(_WRITE_PARKED)
def write_parked(values: Sequence[tuple[UUID, str]]) -> Rows:
    """Write why events are parked."""
    for event_id, reason in values:
        found = ProviderEvent.objects.filter(id=event_id)
        found.update(parked_at=time(), parked_reason=reason)
    return [(event_id,) for event_id, _ in values]


@means(ANSWER)
def answer(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Write what was heard on attempts that have no answer yet."""
    found: Rows = []
    for attempt_id, result, status_code, milliseconds, detail, excerpt in values:
        count = DeliveryAttempt.objects.filter(id=attempt_id, answered_at=None).update(
            answered_at=time(),
            result=result,
            status_code=status_code,
            milliseconds=milliseconds,
            detail=detail,
            excerpt=excerpt,
        )
        found += [(attempt_id,)] * count
    return found


@means(WRITE)
def write(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Write how deliveries stand."""
    for delivery_id, *progress in values:
        found = Delivery.objects.filter(id=delivery_id)
        found.update(**dict(zip(PROGRESS, progress, strict=True)))
    return [(delivery_id,) for delivery_id, *_ in values]


@means(NEWEST_ATTEMPTS)
def newest_attempts(deliveries: Sequence[str], limit: int) -> Rows:
    """Find the newest attempts of each delivery."""
    found = [DeliveryAttempt.objects.filter(delivery_id=one).order_by("-id") for one in deliveries]
    return [(attempt.id,) for attempts in found for attempt in attempts[:limit]]
