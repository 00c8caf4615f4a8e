"""What merchants do with their endpoints."""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from core.auth import Principal
from core.db import needs_transaction, outside_transaction, transaction_time
from core.errors import Problem, unavailable
from core.models import Merchant
from webhooks import health, keeping, targets
from webhooks.models import DisabledBy, Endpoint, EndpointStatus
from webhooks.receivers import ENDPOINTS_MAX
from webhooks.resolving import CannotResolve, NotNow, Resolver
from webhooks.targets import Forbidden

# What a merchant waits for at most while a name is looked up, and until it is its turn. A process
# has few threads, and looks up one name at a time: slow name servers of others hold no payment up.
RESOLVE_SECONDS = 1.0
TURN_SECONDS = 0.25
NOT_PUBLIC = "Its host is not a public one."
NOT_NOW = "The address of the URL's host cannot be looked up now; try again."

_turn = Lock()


@outside_transaction
def objection(url: str, mode: str, resolve: Resolver) -> Problem | None:
    """Return the refusal of a URL that may not be sent to; None if it may, as of now.

    A name without an address is refused in the same words as one with a forbidden one: what names
    there are inside of our network is not told.

    :raises Problem: ``overloaded`` if its name cannot be looked up now, which says nothing about it
    """
    try:
        target = targets.read(url, mode)
        if not target.is_trusted:
            targets.addresses(target, _in_turn(resolve), RESOLVE_SECONDS)
    except Forbidden as forbidden:
        return _forbidden(str(forbidden))
    except NotNow:
        raise unavailable(NOT_NOW) from None
    except CannotResolve:
        return _forbidden(NOT_PUBLIC)
    return None


def _in_turn(resolve: Resolver) -> Resolver:
    def ask(host: str, seconds: float) -> Sequence[str]:
        if not _turn.acquire(timeout=TURN_SECONDS):
            raise NotNow(host)
        try:
            return resolve(host, seconds)
        finally:
            _turn.release()

    return ask


def _forbidden(detail: str) -> Problem:
    slug = "webhook-url-forbidden"
    return Problem(slug, detail, errors=[{"pointer": "/url", "code": slug, "detail": detail}])


@needs_transaction
def lock(principal: Principal, endpoint_id: UUID) -> Endpoint:
    """Lock an endpoint of this merchant and mode.

    :raises Problem: ``not-found``
    """
    mine = Endpoint.objects.filter(
        merchant_id=principal.merchant_id, mode=principal.mode, deleted_at=None
    )
    endpoint = mine.filter(id=endpoint_id).select_for_update(no_key=True).first()
    if endpoint is None:
        raise Problem("not-found")
    return endpoint


@needs_transaction
def create(
    principal: Principal, *, url: str, events: list[str], description: str
) -> tuple[Endpoint, str]:
    """Make an endpoint; return it and its secret as it is shown, once.

    :raises Problem: ``invalid-state`` if there is no place for another
    """
    endpoint = Endpoint(
        merchant_id=principal.merchant_id,
        mode=principal.mode,
        place=_free_place(principal),
        url=url,
        events=events,
        description=description,
    )
    endpoint.save(force_insert=True)
    endpoint.refresh_from_db(fields=["created_at", "updated_at"])
    return endpoint, keeping.issue(endpoint)


def _free_place(principal: Principal) -> int:
    # Two at once would find the same place.
    Merchant.objects.filter(id=principal.merchant_id).select_for_update(no_key=True).first()
    mine = Endpoint.objects.filter(
        merchant_id=principal.merchant_id, mode=principal.mode, deleted_at=None
    )
    taken = set(mine.values_list("place", flat=True))
    for place in range(1, ENDPOINTS_MAX + 1):
        if place not in taken:
            return place
    raise Problem(
        "invalid-state", f"There are {ENDPOINTS_MAX} endpoints already; delete one you do not need."
    )


@needs_transaction
def change(endpoint: Endpoint, asked: Mapping[str, Any]) -> None:
    """Change members of an endpoint; ``status`` disables or enables it. Needs its lock.

    :raises Problem: ``invalid-state`` if it is to be enabled, and an operator disabled it
    """
    now = transaction_time()
    if asked.get("url", endpoint.url) != endpoint.url:
        health.forget_failures(endpoint)  # what the old one did is not the new one's
    for name in ("url", "events", "description"):
        setattr(endpoint, name, asked.get(name, getattr(endpoint, name)))
    status = asked.get("status", endpoint.status)
    if status != endpoint.status:
        if status == EndpointStatus.DISABLED:
            health.disable(endpoint, DisabledBy.MERCHANT, now)
        elif endpoint.disabled_by == DisabledBy.OPERATOR:
            raise Problem("invalid-state", "It was disabled by us; ask us to enable it.")
        else:
            health.enable(endpoint, now)
    endpoint.updated_at = now
    endpoint.save(update_fields=["url", "events", "description", *health.HEALTH])


@needs_transaction
def delete(endpoint: Endpoint) -> None:
    """Take an endpoint away, with its secrets; what it was sent stays known. Needs its lock."""
    keeping.forget(endpoint)
    Endpoint.objects.filter(id=endpoint.id).update(deleted_at=Now(), updated_at=Now())
