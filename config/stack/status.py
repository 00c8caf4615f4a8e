"""``make status`` and ``make logs``."""

import os
import shutil
import time

from config.stack.speech import show
from config.stack.state import Folder

NOT_RUNNING = 3


def status(folder: Folder) -> int:
    """Show each process of the stack; return 0 if all run."""
    recorded = folder.recorded() if folder.run.exists() else []
    if not any(one.alive() for one in recorded):
        show("nothing is running; `make up` starts everything")
        return NOT_RUNNING
    for one in recorded:
        state = f"up {_since(one.started)}" if one.alive() else "DOWN"
        show(f"{one.name:<12} {one.pid:>8}  {state}")
    show(f"http://127.0.0.1:{folder.values().get('PORT', '')}")
    return 0 if all(one.alive() for one in recorded) else NOT_RUNNING


def _since(started: float) -> str:
    minutes, seconds = divmod(int(time.time() - started), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def logs(folder: Folder) -> int:
    """Follow every log until Ctrl-C; return the exit code."""
    files = sorted(str(path) for path in (folder.root / "log").glob("*.log"))
    tail = shutil.which("tail")
    if files and tail:
        os.execv(tail, [tail, "-n", "20", "-F", *files])  # noqa: S606 - our own files
    show(f"no logs in {folder.root / 'log'}")
    return NOT_RUNNING
