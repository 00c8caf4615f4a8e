"""A name whose servers let us wait costs its merchant the next look-up, and others nothing."""

from collections.abc import Sequence
from threading import Lock
from time import monotonic
from uuid import UUID

from webhooks.resolving import NotNow, Resolver

PATIENCE_SECONDS = 0.5
REST_SECONDS = 30.0
REMEMBERED_MAX = 1_000

_resting_until: dict[UUID, float] = {}
_lock = Lock()


def sparing(resolve: Resolver, merchant_id: UUID) -> Resolver:
    """Return a resolver for a merchant that asks nothing while this one has to rest.

    Every look-up that takes long holds one of the few threads that answer requests.
    """

    def ask(host: str, seconds: float) -> Sequence[str]:
        began = monotonic()
        if began < _resting_until.get(merchant_id, 0.0):
            raise NotNow(host)
        try:
            return resolve(host, seconds)
        finally:
            if monotonic() - began > PATIENCE_SECONDS:
                _rest(merchant_id)

    return ask


def _rest(merchant_id: UUID) -> None:
    now = monotonic()
    with _lock:
        for known, until in list(_resting_until.items()):
            if until <= now or len(_resting_until) >= REMEMBERED_MAX:
                del _resting_until[known]
        _resting_until[merchant_id] = now + REST_SECONDS
