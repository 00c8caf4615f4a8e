"""A stack of sleepers under the real supervisor: ``python -m tests.stack.stand_in FOLDER KIND``."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from config.stack.problem import StackProblem
from config.stack.processes import Program
from config.stack.session import hold
from config.stack.speech import show
from config.stack.state import Folder
from config.stack.supervisor import Supervisor

ME = [sys.executable, "-m", "tests.stack.stand_in"]
# A test that fails must not leave sleepers for ever.
LIFE_SECONDS = 60
STOP_SECONDS = 1
READY_SECONDS = 10


def sleep() -> None:
    show("ready")
    time.sleep(LIFE_SECONDS)


def ignore_and_sleep() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sleep()


def parent() -> None:
    """Have a child in our session and one in its own, as PostgreSQL does."""
    subprocess.Popen([*ME, "sleep"])
    subprocess.Popen([*ME, "sleep"], start_new_session=True)
    sleep()


def fail() -> None:
    show("the reason is a missing table")
    sys.exit(3)


ROLES = {"sleep": sleep, "stubborn": ignore_and_sleep, "parent": parent, "fail": fail}


def program(name: str, role: str) -> Program:
    return Program(name, [*ME, role], stop_seconds=STOP_SECONDS)


def bring_up(supervisor: Supervisor, kind: str) -> None:
    supervisor.start(program("other", "sleep"))
    supervisor.start(program("child", kind))
    deadline = time.monotonic() + READY_SECONDS
    while "ready" not in supervisor.folder.log("child").read_text():
        assert time.monotonic() < deadline
        supervisor.tick()
        time.sleep(0.05)
    show("up")


def main() -> int:
    if len(sys.argv) == 2:
        ROLES[sys.argv[1]]()
        return 0
    folder, kind = Folder(Path(sys.argv[1])), sys.argv[2]
    try:
        return hold(folder, lambda supervisor: bring_up(supervisor, kind))
    except StackProblem as problem:
        show(f"{problem}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
