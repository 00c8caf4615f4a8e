"""`manage.py` as a process of its own, as a container starts it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.servers import ROOT

PATIENCE_SECONDS = 60.0


def manage(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return python("manage.py", *arguments, **env)


def python(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run our Python in the project's folder, to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def begun(*arguments: str, **env: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    """Start a command, and end it with the block if it has not ended."""
    return started("manage.py", *arguments, **env)


@contextmanager
def started(*arguments: str, **env: str) -> Iterator["subprocess.Popen[str]"]:
    """Start our Python in the project's folder, and end it with the block."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    """Return what a process prints up to the first line with this text, or its end."""
    said = ""
    assert process.stdout
    while text not in said and (line := process.stdout.readline()):
        said += line
    return said


def wait_until(holds: Callable[[], object]) -> bool:
    """Wait for something to become true; say whether it did."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    return bool(holds())
