"""What the supervisor says to the person at the terminal."""

import contextlib
import time


def say(who: str, text: str) -> None:
    """Print one line; a terminal that went away is no reason to stop."""
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%H:%M:%S')} {who:<10} {text}", flush=True)


def show(text: str) -> None:
    """Print the text as it is."""
    with contextlib.suppress(OSError):
        print(text, flush=True)
