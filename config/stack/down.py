"""``make down``, ``make reset``: end what runs, and what a killed supervisor left."""

import contextlib
import os
import shutil
import signal

import psutil

from config.stack.problem import StackProblem
from config.stack.processes import children, kill, wait_until
from config.stack.speech import say, show
from config.stack.state import SUPERVISOR, Folder, Recorded

# The sum of what the supervisor allows its children, and a little.
SUPERVISOR_STOP_SECONDS = 35
LEFTOVER_STOP_SECONDS = 6
# PostgreSQL's SIGTERM waits for every client to leave.
STOP_SIGNALS = {"postgres": signal.SIGINT}


def down(folder: Folder) -> int:
    """Stop a running stack, and what is left of a killed one; return the exit code."""
    folder.prepare()
    running = [one for one in folder.recorded() if one.name == SUPERVISOR and one.alive()]
    for supervisor in running:
        say(SUPERVISOR, f"stopping, pid {supervisor.pid}")
        _signal(supervisor, signal.SIGTERM)
    wait_until(lambda: not any(one.alive() for one in running), SUPERVISOR_STOP_SECONDS)
    for supervisor in running:
        _signal(supervisor, signal.SIGKILL)
    ended = end_leftovers(folder)
    if not running and not ended:
        show("nothing is running")
    return 0


def reset(folder: Folder) -> int:
    """Stop everything and delete all state; return the exit code.

    :raises StackProblem: if a file cannot be deleted
    """
    down(folder)
    try:
        shutil.rmtree(folder.root)
    except OSError as error:
        message = f"{folder.root} could not be deleted: {error}"
        raise StackProblem(message) from error
    show(f"deleted {folder.root}")
    return 0


def end_leftovers(folder: Folder) -> int:
    """End the recorded processes that outlived their supervisor; return how many there were."""
    left = [one for one in folder.recorded() if one.name != SUPERVISOR and one.alive()]
    families = [child for one in left for child in children(one.pid)]
    for one in left:
        say(one.name, f"ending pid {one.pid}, left by a stack that was killed")
        _signal(one, STOP_SIGNALS.get(one.name, signal.SIGTERM))
    wait_until(lambda: not any(one.alive() for one in left), LEFTOVER_STOP_SECONDS)
    for one in left:
        _signal(one, signal.SIGKILL)
    strays = [*families, *folder.strays()]
    kill(_not_ourselves(strays))
    for one in folder.recorded():
        if not one.alive():
            folder.forget(one.name)
    return len(left)


def _not_ourselves(processes: list[psutil.Process]) -> list[psutil.Process]:
    ourselves = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [one for one in processes if one.pid not in ourselves and one.is_running()]


def _signal(process: Recorded, number: signal.Signals) -> None:
    if process.alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
