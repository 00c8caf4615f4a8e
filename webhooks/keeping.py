"""Makes, finds and ends the secrets of endpoints."""

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now
from django.views.decorators.debug import sensitive_variables

from core.db import needs_transaction, transaction
from core.errors import Problem
from core.ids import uuid7
from webhooks import sealing, signing
from webhooks.models import Endpoint, EndpointSecret

# Every webhook carries a signature for each.
VALID_MAX = 5
RESEAL_BATCH = 500


@needs_transaction
@sensitive_variables()
def issue(endpoint: Endpoint) -> str:
    """Make the current secret of an endpoint, and return it as it is shown, once."""
    secret, row_id = signing.new_secret(), uuid7()
    key_id, sealed = sealing.seal(secret, row_id)
    EndpointSecret.objects.create(id=row_id, endpoint=endpoint, key_id=key_id, sealed=sealed)
    return signing.shown(secret)


@needs_transaction
def rotate(endpoint: Endpoint, overlap: timedelta) -> str:
    """Make a new secret and return it as it is shown, once. Needs the endpoint's lock.

    The others sign beside it for ``overlap``, at the longest; without one they all end at once.

    :raises Problem: ``invalid-state`` if so many are valid that another cannot be
    """
    mine = EndpointSecret.objects.filter(endpoint=endpoint)
    mine.filter(expires_at__lte=Now()).delete()
    if not overlap:
        mine.delete()
    elif mine.count() >= VALID_MAX:
        raise Problem(
            "invalid-state",
            f"{VALID_MAX} secrets sign already; wait until one ends, or end them all with an"
            " overlap of 0 hours.",
        )
    mine.filter(Q(expires_at=None) | Q(expires_at__gt=Now() + overlap)).update(
        expires_at=Now() + overlap
    )
    return issue(endpoint)


@needs_transaction
def forget(endpoint: Endpoint) -> None:
    """End every secret of an endpoint for good."""
    EndpointSecret.objects.filter(endpoint=endpoint).delete()


@sensitive_variables()
def valid(endpoints: Collection[UUID]) -> dict[UUID, list[bytes]]:
    """Return the secrets that sign for these endpoints now, the newest first.

    :raises CannotOpen: if one cannot be opened
    """
    found: defaultdict[UUID, list[bytes]] = defaultdict(list)
    rows = EndpointSecret.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=Now()), endpoint__in=endpoints
    )
    for row in rows.order_by("-id"):
        found[row.endpoint_id].append(sealing.unseal(row.sealed, row.id, row.key_id))
    return found


def prune() -> int:
    """Delete the secrets that no longer sign."""
    with transaction():
        count, _ = EndpointSecret.objects.filter(expires_at__lte=Now()).delete()
    return count


def reseal() -> int:
    """Seal everything with the current key that was sealed with another; return how many.

    :raises CannotOpen: if one cannot be opened; what was done before stays done
    """
    done = 0
    current = sealing.current_key_id()
    while True:
        with transaction():
            others = EndpointSecret.objects.exclude(key_id=current).select_for_update()
            batch = list(others.order_by("id")[:RESEAL_BATCH])
            for row in batch:
                secret = sealing.unseal(row.sealed, row.id, row.key_id)
                row.key_id, row.sealed = sealing.seal(secret, row.id)
                row.save(update_fields=["key_id", "sealed"])
        if not batch:
            return done
        done += len(batch)
