"""What the statements of ``core`` mean, in the ORM's words (``core.meanings``)."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from core.auth import _FIND_KEY
from core.db import NOW, rows
from core.idempotency import _IS_LOCKED, _PRUNE, _TRY_LOCK
from core.meanings import Rows, means
from core.models import ApiKey, IdempotencyRecord, MerchantStatus


@means(NOW)
def now() -> Rows:
    """Return this machine's time, which is that of a database without a server."""
    return [(timezone.now(),)]


def time() -> datetime:
    """Return the time by the database's clock: on PostgreSQL, when the transaction began."""
    moment: datetime = rows(NOW)[0][0]
    return moment


def valid_keys() -> QuerySet[ApiKey]:
    """Return the keys that are good: ``auth.VALID_KEY``."""
    is_unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=time())
    return ApiKey.objects.filter(
        is_unexpired, revoked_at__isnull=True, merchant__status=MerchantStatus.ACTIVE
    )


@means(_FIND_KEY)
def find_key(digest: str) -> Rows:
    """Return what is known of a good key."""
    known = valid_keys().filter(secret_sha256=digest)
    columns = ("id", "merchant_id", "mode", "scopes", "merchant__default_gateway")
    return list(known.values_list(*columns))


@means(_TRY_LOCK)
def try_lock(number: int) -> Rows:
    """Return that the lock is won: a transaction that writes has waited for all others."""
    return [(True,)]


@means(_IS_LOCKED)
def is_locked(high: int, low: int) -> Rows:
    """Return that no key is held: without advisory locks nobody sees a request before its end."""
    return []


@means(_PRUNE)
def prune_answers(*, before: UUID, kept: timedelta, limit: int) -> Rows:
    """Delete the oldest answers that nobody may ask for any more."""
    old = IdempotencyRecord.objects.filter(id__lt=before, created_at__lt=time() - kept)
    ids = list(old.order_by("id").values_list("id", flat=True)[:limit])
    IdempotencyRecord.objects.filter(id__in=ids).delete()
    return [(one,) for one in ids]
