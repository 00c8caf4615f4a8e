"""What this process remembers of the database, so that a test (or a signal) can make it forget."""

from collections.abc import Callable

process_caches: list[Callable[[], None]] = []


def forget() -> None:
    """Empty every registered cache."""
    for clear in process_caches:
        clear()
