"""Waits for what a process needs before it can work, and says meanwhile what that is.

No order of starting has to be right, then: every process of a container waits for itself.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Any

import psycopg2
from django.core.management.base import CommandParser
from django.db import DatabaseError, InterfaceError, connection

from core.health import ask_broker, is_migrated

# Long enough for a new PostgreSQL to make its data folder and for all migrations, on a slow disk.
TIMEOUT_SECONDS = 120
SAY_EVERY_SECONDS = 2.0
ASK_EVERY_SECONDS = 0.25

# What is wrong, or nothing.
Ask = Callable[[], str]


class NotReady(Exception):
    """The time is up, and something is still missing."""


def add_timeout(parser: CommandParser) -> None:
    """Give a command that waits its ``--timeout``."""
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help="give up after this long (default %(default)s)",
    )


def wait_for(
    needs: Mapping[str, Ask], timeout: timedelta, say: Callable[[str], object]
) -> timedelta:
    """Wait until nobody misses anything; return how long it took.

    :raises NotReady: if that is not so in time
    """
    began = said = time.monotonic()
    with _stoppable():
        while wrong := _first_wrong(needs):
            now = time.monotonic()
            if now - began >= timeout.total_seconds():
                message = f"gave up after {now - began:.0f} s: {wrong}"
                raise NotReady(message)
            if now - said >= SAY_EVERY_SECONDS:
                said = now
                say(f"waiting for {wrong} ({now - began:.0f} s)")
            time.sleep(ASK_EVERY_SECONDS)
    return timedelta(seconds=time.monotonic() - began)


def _first_wrong(needs: Mapping[str, Ask]) -> str:
    for name, ask in needs.items():
        if wrong := ask():
            return f"{name}: {wrong}"
    return ""


@contextmanager
def _stoppable() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # the process belongs to somebody else, and so do its signals
        return
    # The first process of a container gets no signal that it does not handle.
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def schema() -> str:
    """Ask whether our role can read a database that has all migrations."""
    try:
        return "" if is_migrated() else "migrations are missing"
    except (DatabaseError, InterfaceError) as error:
        return _first_line(error)
    finally:
        connection.close()


def broker() -> str:
    """Ask whether the broker answers."""
    answer = ask_broker()
    return "" if answer == "ok" else answer


def server(**parameters: Any) -> str:
    """Ask whether a PostgreSQL server lets us in."""
    try:
        psycopg2.connect(**parameters).close()
    except psycopg2.OperationalError as error:
        return _first_line(error)
    return ""


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
