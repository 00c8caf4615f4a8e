"""A hint through Redis that a lane has work, so that an idle dispatcher need not poll to notice.

Fail-open: a hint that cannot be given in time is dropped, and the next poll finds the row.
"""

import time
from functools import lru_cache

import redis
from django.conf import settings

from core.caches import process_caches
from core.logging import get_logger
from core.metrics import WAKE_HINT_FAILURES

log = get_logger(__name__)

HINTS = "outbox:hints"
TIMEOUT_SECONDS = 0.05
# After a failure nobody else pays the time-out for a while.
PAUSE_SECONDS = 1.0
_HINTS_MAX = 100
# A dispatcher that was just woken polls again by itself after about as long.
HINT_EVERY_SECONDS = 0.01

_quiet_until = 0.0
_hinted: dict[str, float] = {}
process_caches.append(_hinted.clear)


@lru_cache(maxsize=1)
def _client() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=None,
    )


process_caches.append(_client.cache_clear)


def wake(lane: str) -> None:
    """Hint that this lane has a message that is due now; call it after the commit."""
    global _quiet_until  # noqa: PLW0603 - a process-wide pause
    now = time.monotonic()
    if now < _quiet_until or now < _hinted.get(lane, 0.0):
        return
    _hinted[lane] = now + HINT_EVERY_SECONDS
    try:
        if _client().lpush(HINTS, lane) > _HINTS_MAX:
            # Nobody takes them now; whoever comes looks at every lane first.
            _client().ltrim(HINTS, 0, _HINTS_MAX - 1)
            _quiet_until = now + PAUSE_SECONDS
    except redis.RedisError as error:
        _quiet_until = time.monotonic() + PAUSE_SECONDS
        WAKE_HINT_FAILURES.inc()
        log.warning("wake.failed", error=type(error).__name__)
