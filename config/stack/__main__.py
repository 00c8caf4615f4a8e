"""Runs the whole service on one machine: ``python -m config.stack up``."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from config.stack.down import down, reset
from config.stack.problem import StackProblem
from config.stack.speech import show
from config.stack.state import Folder
from config.stack.status import logs, status
from config.stack.up import up

ROOT = Path(__file__).resolve().parents[2]
COMMANDS: dict[str, tuple[Callable[[Folder], int], str]] = {
    "up": (up, "start everything and keep it running until Ctrl-C"),
    "down": (down, "stop a running stack, and what a killed one left"),
    "reset": (reset, "stop everything and delete all state (.local)"),
    "status": (status, "show what runs"),
    "logs": (logs, "follow the logs"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m config.stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text)
    run, _ = COMMANDS[parser.parse_args().command]
    try:
        return run(Folder(ROOT / ".local"))
    except StackProblem as problem:
        show(f"{problem}")
    except PermissionError as error:
        show(f"{error.filename} belongs to another user: {error.strerror}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
