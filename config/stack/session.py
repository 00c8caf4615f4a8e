"""One supervisor at a time: takes the lock, brings the stack up, ends it when told."""

import os
import signal
from collections.abc import Callable
from types import FrameType

from config.stack.down import end_leftovers
from config.stack.speech import say, show
from config.stack.state import SUPERVISOR, Folder
from config.stack.supervisor import Supervisor

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# They stop last: the others may have something to write while they end.
SERVERS = ["postgres", "broker"]


class Stop(BaseException):
    """Somebody asked us to end. Not an error, so nothing may catch it on the way."""


def hold(folder: Folder, bring_up: Callable[[Supervisor], None]) -> int:
    """Run a stack until a signal ends it; return the exit code."""
    folder.prepare()
    lock = folder.lock()
    if lock is None:
        url = f"http://127.0.0.1:{folder.values().get('PORT', '')}"
        show(f"already running at {url} (`make status`, `make down`); nothing was changed")
        return 0
    _on_stop_signals(_raise_stop)
    folder.record(SUPERVISOR, os.getpid())
    try:
        return _run(folder, bring_up)
    except Stop:
        return 0
    finally:
        folder.forget(SUPERVISOR)


def _run(folder: Folder, bring_up: Callable[[Supervisor], None]) -> int:
    end_leftovers(folder)
    supervisor = Supervisor(folder)
    try:
        bring_up(supervisor)
        supervisor.is_up = True
        supervisor.watch()
    except Stop as stop:
        say(SUPERVISOR, f"{stop}: stopping everything")
    finally:
        _on_stop_signals(signal.SIG_IGN)
        supervisor.stop_everything(last=SERVERS)
    return 0


def _raise_stop(number: int, frame: FrameType | None) -> None:
    # Stopping takes a bounded time; a second signal could only leave something behind.
    _on_stop_signals(signal.SIG_IGN)
    raise Stop(signal.Signals(number).name)


def _on_stop_signals(
    handler: Callable[[int, FrameType | None], None] | signal.Handlers,
) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, handler)
