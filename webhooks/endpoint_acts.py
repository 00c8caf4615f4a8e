"""What an operator may do about an endpoint: stop what is sent to it, or have it sent to again."""

from uuid import UUID

from core import audit
from core.audit import ActRefused
from core.db import needs_transaction, transaction, transaction_time
from webhooks import health
from webhooks.models import DisabledBy, Endpoint


def sight(endpoint: Endpoint) -> str:
    """Return a mark of how an endpoint stands; it changes with whether it is sent to."""
    return f"{endpoint.version} {endpoint.deleted_at}"


def disable(endpoint_id: UUID, *, seen_as: str, actor: str, reason: str) -> None:
    """Stop what is sent to an endpoint, and tell its merchant by the feed.

    :raises ActRefused: if it is not as seen, or disabled or deleted
    :raises ValueError: if nobody, or no reason, is named
    """
    with transaction():
        endpoint = _as_seen(endpoint_id, seen_as, is_open=True)
        health.disable(endpoint, DisabledBy.OPERATOR, transaction_time(), reason)
        _write("disabled", endpoint, "enabled", actor, reason)


def enable(endpoint_id: UUID, *, seen_as: str, actor: str, reason: str) -> None:
    """Have an endpoint sent to again, as if it had never failed; what was canceled stays so.

    :raises ActRefused: if it is not as seen, or is not disabled, or is deleted
    :raises ValueError: if nobody, or no reason, is named
    """
    with transaction():
        endpoint = _as_seen(endpoint_id, seen_as, is_open=False)
        health.enable(endpoint, transaction_time())
        _write("enabled", endpoint, "disabled", actor, reason)


@needs_transaction
def _as_seen(endpoint_id: UUID, seen_as: str, *, is_open: bool) -> Endpoint:
    found = Endpoint.objects.filter(id=endpoint_id, deleted_at=None)
    endpoint = found.select_for_update(no_key=True).first()
    if endpoint is None:
        message = "it was deleted"
        raise ActRefused(message)
    if sight(endpoint) != seen_as or endpoint.is_open != is_open:
        message = f"it is {endpoint.status} now, and was changed since you looked"
        raise ActRefused(message)
    return endpoint


@needs_transaction
def _write(what: str, endpoint: Endpoint, before: str, actor: str, reason: str) -> None:
    endpoint.save(update_fields=health.HEALTH)
    audit.record(
        actor=actor,
        action=f"webhook_endpoint.{what}",
        subject_type="webhook_endpoint",
        subject_id=endpoint.id,
        reason=reason,
        before={"status": before},
        after={"status": str(endpoint.status)},
    )
