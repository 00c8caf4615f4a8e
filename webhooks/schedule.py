"""When a webhook that was not taken is tried again: the example schedule of Standard Webhooks."""

import random
from datetime import timedelta

from webhooks.posting import TOTAL_SECONDS, Heard
from webhooks.trail import Result

# Ten tries: at once, and after each of these.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
TRIES = len(WAITS) + 1
# So that those who failed together do not come back together.
JITTER = 0.2


def wait_after(tries: int, heard: Heard) -> timedelta | None:
    """Return how long to wait after so many tries; None if that was the last."""
    if tries >= TRIES:
        return None
    jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    wait = WAITS[tries - 1] * jitter
    if heard.retry_after_seconds is not None:
        wait = max(wait, timedelta(seconds=heard.retry_after_seconds))
    if heard.result in {Result.NO_ANSWER, Result.FORBIDDEN}:
        # As if everything had been waited for: when it comes back tells nobody what it met.
        wait += timedelta(seconds=max(0.0, TOTAL_SECONDS - heard.seconds))
    return wait
