"""A program run once beside one that dies: ``python -m tests.stack.passing FOLDER SCRIPT``."""

import os
import subprocess
import sys
import threading
from pathlib import Path

from config.stack.problem import StackProblem
from config.stack.processes import Program
from config.stack.speech import show
from config.stack.state import Folder
from config.stack.supervisor import Supervisor

LIFE_SECONDS = 30


class Forgetful(Supervisor):
    """Learns of the end of its children only after somebody else has taken it in."""

    def _launch(self, program: Program) -> subprocess.Popen[bytes]:
        process = super()._launch(program)
        os.waitpid(process.pid, 0)
        return process


def main() -> None:
    folder, script = Folder(Path(sys.argv[1])), sys.argv[2]
    folder.prepare()
    supervisor = Supervisor(folder) if script else Forgetful(folder)
    if script:
        doomed = supervisor.start(Program("doomed", ["sleep", str(LIFE_SECONDS)]))
        threading.Timer(0.5, doomed.kill).start()
    try:
        supervisor.run_once(Program("passing", ["sh", "-c", script]))
        show("it succeeded")
    except StackProblem as problem:
        show(f"{problem}")
    supervisor.stop_everything(last=[])


if __name__ == "__main__":
    main()
