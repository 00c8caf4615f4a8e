"""Keeps processes running: starts them, restarts what dies, ends them all."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, replace

from config.stack import processes
from config.stack.problem import StackProblem
from config.stack.processes import Program
from config.stack.speech import say
from config.stack.state import RUN_VARIABLE, Folder

POLL_SECONDS = 0.1
# Waits before restarts in a row; the last one repeats.
BACK_OFF_SECONDS = (0.0, 0.5, 1.0, 2.0, 3.0)
# Who ran this long is well again.
HEALTHY_SECONDS = 20
# Who dies this often before the stack is up will not come up.
DEATHS_BEFORE_UP_MAX = 3
LOG_TAIL_LINES = 15


@dataclass
class Child:
    """One program and its present process."""

    program: Program
    process: subprocess.Popen[bytes]
    started: float
    deaths: int = 0
    restart_at: float | None = None


class Supervisor:
    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.run_id = folder.begin_run()
        self.children: dict[str, Child] = {}
        self.is_up = False
        self._passing: set[int] = set()
        processes.become_subreaper()

    def start(self, program: Program) -> subprocess.Popen[bytes]:
        """Start a program and keep it running from now on."""
        process = self._launch(program)
        self.children[program.name] = Child(program, process, time.monotonic())
        say(program.name, f"started, pid {process.pid}")
        return process

    def run_once(self, program: Program) -> None:
        """Run a program that is meant to end.

        :raises StackProblem: if it fails
        """
        process = self._launch(program)
        self._passing.add(process.pid)
        while (code := _end_of(program.name, process)) is None:
            self.tick()
            time.sleep(processes.POLL_SECONDS)
        self._passing.remove(process.pid)
        self.folder.forget(program.name)
        if code:
            raise StackProblem(self._obituary(program.name, code))

    def _launch(self, program: Program) -> subprocess.Popen[bytes]:
        marked = replace(program, env={**program.env, RUN_VARIABLE: self.run_id})
        process = processes.start(marked, self.folder.log(program.name))
        self.folder.record(program.name, process.pid)
        return process

    def tick(self) -> None:
        """Look after every child once."""
        for child in self.children.values():
            if child.restart_at is None:
                if child.process.poll() is not None:
                    self._bury(child)
            elif time.monotonic() >= child.restart_at:
                self._restart(child)

    def _bury(self, child: Child) -> None:
        name, pid = child.program.name, child.process.pid
        left = self._end_what_it_left(pid)
        if time.monotonic() - child.started > HEALTHY_SECONDS:
            child.deaths = 0
        wait = BACK_OFF_SECONDS[min(child.deaths, len(BACK_OFF_SECONDS) - 1)]
        child.deaths += 1
        child.restart_at = time.monotonic() + wait
        if not self.is_up and child.deaths >= DEATHS_BEFORE_UP_MAX:
            raise StackProblem(self._obituary(name, child.process.returncode))
        rest = f", ended {left} it had started" if left else ""
        rest += f", see {self.folder.log(name)}" if child.deaths > 1 else ""
        say(name, f"{_how(child.process.returncode)} (pid {pid}){rest}; restarting it")

    def _end_what_it_left(self, pid: int) -> int:
        known = [child.process.pid for child in self.children.values()]
        left = processes.orphans([*known, *self._passing])
        processes.kill_group(pid)
        processes.kill(left)
        return len(left)

    def _restart(self, child: Child) -> None:
        child.process = self._launch(child.program)
        child.started, child.restart_at = time.monotonic(), None
        say(child.program.name, f"started again, pid {child.process.pid}")

    def _obituary(self, name: str, code: int) -> str:
        log = self.folder.log(name)
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        lines = "\n".join(f"    {line}" for line in tail)
        return f"{name} {_how(code)}; the end of {log}:\n{lines}"

    def watch(self) -> None:
        """Keep everything running until an exception (a signal's) ends it."""
        while True:
            self.tick()
            time.sleep(POLL_SECONDS)

    def stop(self, names: list[str]) -> None:
        """Stop these children side by side, each within its time."""
        stopping = [self.children.pop(name) for name in names if name in self.children]
        threads = [threading.Thread(target=self._stop_one, args=[child]) for child in stopping]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _stop_one(self, child: Child) -> None:
        name = child.program.name
        if child.process.poll() is None:
            asked = processes.stop(child.process, child.program)
            limit = child.program.stop_seconds
            say(name, "stopped" if asked else f"killed: it did not stop within {limit:.0f} s")
        self.folder.forget(name)

    def stop_everything(self, *, last: list[str]) -> None:
        """Stop all children, the ``last`` ones after the others, and whatever is left below us."""
        self.stop([name for name in self.children if name not in last])
        self.stop(last)
        processes.kill(processes.orphans([]))


def _end_of(name: str, process: subprocess.Popen[bytes]) -> int | None:
    """Return the code a process ended with, or None while it runs.

    :raises StackProblem: if nobody can tell; ``Popen.poll`` would call that a success
    """
    try:
        pid, status = os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:
        message = f"{name} ended, and nobody knows how"
        raise StackProblem(message) from None
    if not pid:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    with contextlib.suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"
