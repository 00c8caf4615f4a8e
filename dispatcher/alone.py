"""Lets one dispatcher at a time work on an SQLite file: its claims are not made for two."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from core.meanings import on_sqlite


class AnotherDispatcher(Exception):
    """A dispatcher works on this file already."""


@contextmanager
def alone_on_sqlite() -> Iterator[None]:
    """Hold the file's dispatcher lock, which ends with this process; PostgreSQL needs none.

    :raises AnotherDispatcher: if it is held already
    """
    if not on_sqlite():
        yield
        return
    place = Path(f"{settings.DATABASES['default']['NAME']}.dispatcher")
    with place.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherDispatcher(place) from None
        yield
