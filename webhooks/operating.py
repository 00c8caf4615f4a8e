"""What an operator may do about a parked event: have it applied once more, or close it.

Neither changes what the provider said; whether it fits is decided as it was the first time.
"""

from uuid import UUID

from django.db.models.functions import Now

from core import audit
from core.audit import ActRefused
from core.db import needs_transaction, transaction
from core.kill_points import reached
from outbox import staging
from webhooks.ingress import APPLY
from webhooks.models import ProviderEvent


def sight(event: ProviderEvent) -> str:
    """Return a mark of how an event stands; it changes with anything that becomes of it."""
    return f"{event.applied_at} {event.parked_at} {event.closed_at}"


def apply_again(event_id: UUID, *, seen_as: str, actor: str, reason: str) -> str:
    """Have a parked event applied, as if it had just come, and return the lane of who does it.

    :raises ActRefused: if it is not as seen, not parked, closed, or could not be read at all
    :raises ValueError: if nobody, or no reason, is named
    """
    with transaction():
        event = _parked(event_id, seen_as)
        if not event.outcome:
            message = "it could not be read, and nobody can read it better now"
            raise ActRefused(message)
        lane = f"{APPLY}:{event.gateway}"
        ProviderEvent.objects.filter(id=event_id).update(parked_at=None, parked_reason="")
        made = staging.stage(kind=APPLY, lane=lane, subject_id=event_id)
        reached("admin.after_event_staged")
        _tell("applied_again", event, {"parked_reason": "", "message": made}, actor, reason)
        reached("admin.event_uncommitted")
    reached("admin.after_event_commit")
    return lane


def close(event_id: UUID, *, seen_as: str, actor: str, reason: str) -> None:
    """Say that a parked event needs nobody any more; it stays, with why it was parked.

    :raises ActRefused: if it is not as seen, not parked, or closed already
    :raises ValueError: if nobody, or no reason, is named
    """
    with transaction():
        event = _parked(event_id, seen_as)
        ProviderEvent.objects.filter(id=event_id).update(closed_at=Now())
        _tell("closed", event, {"closed": True}, actor, reason)


@needs_transaction
def _parked(event_id: UUID, seen_as: str) -> ProviderEvent:
    event = ProviderEvent.objects.filter(id=event_id).select_for_update(no_key=True).first()
    if event is None or event.parked_at is None or event.closed_at is not None:
        message = "it is not parked any more"
        raise ActRefused(message)
    if sight(event) != seen_as:
        message = f"it was parked anew since you looked: “{event.parked_reason}”"
        raise ActRefused(message)
    return event


def _tell(what: str, event: ProviderEvent, after: dict[str, object], actor: str, why: str) -> None:
    audit.record(
        actor=actor,
        action=f"provider_event.{what}",
        subject_type="provider_event",
        subject_id=event.id,
        reason=why,
        before={"parked_at": event.parked_at, "parked_reason": event.parked_reason},
        after=after,
    )
