"""Starts processes that cannot outlive us unnoticed, and ends them with all their descendants."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None
# From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

POLL_SECONDS = 0.05
# A log larger than this moves aside at the next start; one older log is kept.
LOG_BYTES_MAX = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Program:
    """How one process is started and asked to stop."""

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 8
    user: str | None = None
    before: Callable[[], None] | None = None


def become_subreaper() -> None:
    """Adopt the children of a child that dies, so that they can be found."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _die_with(parent: int, death_signal: int) -> Callable[[], None]:
    def in_child() -> None:
        assert _libc is not None
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        # The parent may have died before the kernel knew of our wish.
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def start(program: Program, log: Path) -> subprocess.Popen[bytes]:
    """Start the program in a session of its own, so that Ctrl-C reaches only us."""
    if program.before:
        program.before()
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own commands
            program.command,
            env={**os.environ, **program.env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=program.user,
            extra_groups=[] if program.user else None,
            preexec_fn=_die_with(os.getpid(), program.stop_signal) if LINUX else None,  # noqa: PLW1509
        )


def stop(process: subprocess.Popen[bytes], program: Program) -> bool:
    """Ask the process to stop, kill it when its time is up; say whether asking was enough."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(program.stop_signal)
    try:
        process.wait(program.stop_seconds)
    except subprocess.TimeoutExpired:
        kill_tree(process)
        return False
    kill_group(process.pid)
    return True


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and everything below it."""
    family = children(process.pid)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    kill_group(process.pid)
    kill(family)
    process.wait()


def kill_group(leader: int) -> None:
    """Kill what is left in the process group of a process that we started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def children(pid: int, *, recursive: bool = True) -> list[psutil.Process]:
    """Return the living descendants of a process."""
    try:
        return psutil.Process(pid).children(recursive=recursive)
    except psutil.NoSuchProcess:
        return []


def orphans(known: Iterable[int]) -> list[psutil.Process]:
    """Return the children that came to us because the process that started them died."""
    ours = set(known)
    return [child for child in children(os.getpid(), recursive=False) if child.pid not in ours]


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill the processes and reap those that are our children."""
    family = list(processes)
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.kill()
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.wait(timeout=5)


def started_at(pid: int) -> float | None:
    """Return when the process started, for a pid alone may name another one by now.

    A zombie does not count: in a container there may be nobody to reap it.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for the condition, and say whether it came true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(POLL_SECONDS)
    return condition()
