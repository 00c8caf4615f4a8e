"""Asks for the addresses of a name, no longer than told: the system's own call may not end."""

import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from functools import lru_cache
from threading import RLock

# Name and seconds of patience → all addresses, as texts.
Resolver = Callable[[str, float], Sequence[str]]

# Names whose servers hang keep one thread each, and one only.
THREADS = 64

_asked: dict[tuple[int, str], "Future[list[str]]"] = {}
# Whoever holds it may find the answer there already, and then forgets the question at once.
_lock = RLock()


class CannotResolve(Exception):
    """There is no address for this name."""


class NotNow(CannotResolve):
    """Nobody says now whether there is one: no name server answers, or not in time."""


@lru_cache(maxsize=1)
def _pool(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="resolve")


def _ask(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise NotNow(host) from None
        return []
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def resolve(host: str, seconds: float) -> Sequence[str]:
    """Return all addresses of a name, by the system's resolver.

    :raises NotNow: if it does not answer, or not in time
    """
    key = (os.getpid(), host)
    with _lock:
        question = _asked.get(key)
        if question is None or question.done():
            if len(_asked) >= THREADS:
                raise NotNow(host)  # every thread waits for a server that hangs
            question = _asked[key] = _pool(key[0]).submit(_ask, host)
            question.add_done_callback(lambda done: _forget(key, done))
    try:
        return question.result(timeout=seconds)
    except NotInTime:
        raise NotNow(host) from None


def _forget(key: tuple[int, str], done: "Future[list[str]]") -> None:
    with _lock:
        if _asked.get(key) is done:
            del _asked[key]
