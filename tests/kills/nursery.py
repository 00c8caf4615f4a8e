"""`python -m tests.kills.nursery`: imports everything once, then forks processes on request.

It has neither threads nor connections, so that a fork of it is as good as a new process. Requests
and answers are lines of JSON on its standard input and output; when that ends, so do all children.
"""

import contextlib
import gc
import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import django

from config.stack import processes
from core import kill_points
from core.logging import configure

Given = Mapping[str, Any]


class Nursery:
    """The parent of all processes of one place."""

    def __init__(self, channel: TextIO) -> None:
        self._channel = channel
        self._children: set[int] = set()
        self._gone: dict[int, int] = {}

    def serve(self) -> None:
        """Do what is asked for, line by line, until nobody asks any more."""
        acts = {"start": self._start, "gone": self._tell_gone, "kill": self._kill}
        self._say({"ready": os.getpid()})
        for line in sys.stdin:
            given = json.loads(line)
            self._say(acts[given["act"]](given))
        self._kill({})

    def _say(self, answer: Given) -> None:
        self._channel.write(json.dumps(answer) + "\n")
        self._channel.flush()

    def _start(self, given: Given) -> Given:
        child = os.fork()
        if not child:
            _live(given)
        self._children.add(child)
        return {"pid": child}

    def _tell_gone(self, given: Given) -> Given:
        """Tell which children are gone, and how they ended."""
        self._reap(os.WNOHANG)
        gone, self._gone = self._gone, {}
        return {"gone": gone}

    def _kill(self, given: Given) -> Given:
        """Kill the groups of these children, or of all."""
        for pid in given.get("pids", list(self._children)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
            self._children.discard(pid)
        # What they had forked comes to us, whatever group it made for itself.
        processes.kill(processes.orphans(self._children))
        self._gone = {}
        return {}

    def _reap(self, flags: int) -> None:
        """Learn of the dead; the orphans of a child come to us."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, flags)
                if not pid:
                    return
                if pid in self._children:
                    self._children.discard(pid)
                    self._gone[pid] = status


def _live(given: Given) -> None:
    """Be a process of its own, and end without a trace of the nursery."""
    code = 1
    try:
        os.setsid()
        processes._die_with(os.getppid(), signal.SIGKILL)()
        _redirect(Path(given["log"]))
        random.seed(given["seed"])
        armed = kill_points.reached
        assert isinstance(armed, kill_points.Armed)
        armed.arm(kill_points.parse(given.get("kill_point", "")), given["hits"])
        from tests.kills.roles import become  # noqa: PLC0415 - after Django is set up

        become(given)
        code = 0
    except BaseException:  # noqa: BLE001 - shown; this process has nobody to raise to
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, target)
    configure(sys.stdout)


def main() -> None:
    """Import everything, and serve."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is logged here is no answer
    django.setup()
    processes.become_subreaper()
    import tests.kills.roles  # noqa: F401, PLC0415 - after Django is set up

    gc.collect()
    gc.freeze()
    Nursery(channel).serve()


if __name__ == "__main__":
    main()
