"""What the container test says, with the time since it began."""

import time
from collections.abc import Callable

_began = time.monotonic()
SAY_EVERY_SECONDS = 5


class Failed(Exception):
    """Something is not as it must be."""


def say(text: str) -> None:
    """Print one line at once."""
    print(f"[{time.monotonic() - _began:6.1f} s] {text}", flush=True)


def check(holds: object, claim: str) -> None:
    """Print a claim that holds.

    :raises Failed: if it does not
    """
    if not holds:
        raise Failed(claim)
    say(f"  ok: {claim}")


def wait_until(holds: Callable[[], object], claim: str, seconds: float) -> None:
    """Wait for a claim to become true.

    :raises Failed: if it does not in time
    """
    began = said = time.monotonic()
    while not holds():
        now = time.monotonic()
        if now - began > seconds:
            message = f"{claim}: not within {seconds:.0f} s"
            raise Failed(message)
        if now - said > SAY_EVERY_SECONDS:
            said = now
            say(f"  waiting: {claim} ({now - began:.0f} s)")
        time.sleep(0.3)
    say(f"  ok: {claim} ({time.monotonic() - began:.1f} s)")
