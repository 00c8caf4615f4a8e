"""Places between two durable steps, where a test has a process die, freeze, wait or fail.

``reached("worker.after_intent")`` does nothing, unless the process was started with ``KILL_POINT``:
``name[:nth[:action]]``, several by comma. ``nth`` is which time (1; ``*`` is every time) and
``action`` is ``kill`` (the default), ``stop``, ``exit``, ``raise`` or ``sleep=seconds``.
``KILL_POINT_HITS`` names a file that gets a line for each time a point is reached. Processes that
share it count together, so that whoever comes after a killed one is spared.
"""

import fcntl
import os
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from core.known_kill_points import POINTS
from core.logging import get_logger

log = get_logger(__name__)

ACTIONS = ("kill", "stop", "exit", "raise", "sleep")
EVERY = 0


class Fault(RuntimeError):
    """What the action ``raise`` raises."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What is to happen at a point, and which time it is reached."""

    name: str
    nth: int
    action: str
    seconds: float = 0.0


def parse(text: str) -> list[Arm]:
    """Read what ``KILL_POINT`` says.

    :raises ImproperlyConfigured: if it names no point, or none of the actions
    """
    return [_arm(part.strip()) for part in text.split(",") if part.strip()]


def _arm(text: str) -> Arm:
    name, _, rest = text.partition(":")
    nth, _, how = rest.partition(":")
    action, _, seconds = (how or "kill").partition("=")
    try:
        arm = Arm(name, EVERY if nth == "*" else int(nth or 1), action, float(seconds or 0))
    except ValueError:
        arm = Arm(name, -1, action)
    if name not in POINTS:
        known = ", ".join(POINTS)
        message = f"KILL_POINT: there is no point {name!r}; there are {known}"
        raise ImproperlyConfigured(message)
    if arm.nth < 0 or action not in ACTIONS or bool(seconds) != (action == "sleep"):
        message = f"KILL_POINT: {text!r} is not name[:nth[:action]], with one of {ACTIONS}"
        raise ImproperlyConfigured(message)
    return arm


def pass_by(name: str) -> None:
    """Do nothing: this is what an unarmed process calls."""


class Armed:
    """Counts how often points are reached, and acts where it was told to."""

    def __init__(self, arms: list[Arm], hits: str = "") -> None:
        self.arm(arms, hits)

    def arm(self, arms: list[Arm], hits: str = "") -> None:
        """Begin anew with these arms; ``hits`` names the file that is counted in."""
        self._arms: defaultdict[str, list[Arm]] = defaultdict(list)
        for one in arms:
            self._arms[one.name].append(one)
        self._hits = hits
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        """Count this time, and act if it is the one.

        :raises Fault: if the action is to raise
        """
        if name not in POINTS:
            raise KeyError(name)
        with self._lock:
            action, seconds = self._noted(name) if self._hits else self._counted(name)
            if action == "stop":
                # Frozen elsewhere, another thread of ours could hold the file's lock all the time.
                _stop(name, seconds)
                return
        _ACTS[action](name, seconds)

    def _counted(self, name: str) -> tuple[str, float]:
        self._counts[name] += 1
        return self._due(name, self._counts[name])

    def _due(self, name: str, count: int) -> tuple[str, float]:
        for arm in self._arms.get(name, ()):
            if arm.nth in {EVERY, count}:
                return arm.action, arm.seconds
        return "", 0.0

    def _noted(self, name: str) -> tuple[str, float]:
        handle = os.open(self._hits, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            before = b"\n" + os.pread(handle, os.fstat(handle).st_size, 0)
            count = before.count(f"\n{name} ".encode()) + 1
            action, seconds = self._due(name, count)
            line = f"{name} {count} {action or '-'} {os.getpid()}\n"
            os.write(handle, line.encode())
        finally:
            os.close(handle)
        return action, seconds


def _kill(name: str, seconds: float) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(name: str, seconds: float) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _exit(name: str, seconds: float) -> None:
    os._exit(1)


def _raise(name: str, seconds: float) -> None:
    raise Fault(name)


def _sleep(name: str, seconds: float) -> None:
    time.sleep(seconds)


def _go_on(name: str, seconds: float) -> None:
    pass


_ACTS = {
    "": _go_on,
    "kill": _kill,
    "stop": _stop,
    "exit": _exit,
    "raise": _raise,
    "sleep": _sleep,
}


def _bound() -> Callable[[str], None]:
    text, hits = os.environ.get("KILL_POINT", ""), os.environ.get("KILL_POINT_HITS", "")
    return Armed(parse(text), hits) if text or hits else pass_by


# Bound once, at import: a process that is not armed pays for a call of nothing.
reached: Callable[[str], None] = _bound()


def announce() -> None:
    """Say loudly that this process is not to be trusted."""
    if reached is not pass_by:
        log.critical("kill_points.armed", kill_point=os.environ.get("KILL_POINT", ""))
