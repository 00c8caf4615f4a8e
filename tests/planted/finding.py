"""Runs what has to find a mistake, and reads what it says."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.planted.planting import Mistake, plant

# Several times what the slowest takes, on a machine with other work.
SECONDS_MAX = 420
# How long a finder that is told to stop may clean up.
STOPPING_SECONDS = 30
# A finder starts its own servers.
_NOT_HERE = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_OPERATOR_URL", "REDIS_URL")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_EARLY = " (before anybody died)"
_WITH_POINT = re.compile(r"--only \w+/(\w+\.\w+):")


@dataclass(frozen=True, slots=True)
class Found:
    """What came of looking for a mistake; ``by`` is empty if nothing found it."""

    name: str
    by: str
    seconds: int
    output: str = ""


def look(mistake: Mistake, *, sound: bool) -> Found:
    """Look for a mistake in a copy of the tree; or, in a sound one, for what is not there.

    :raises Moved: if it cannot be planted
    """
    with tempfile.TemporaryDirectory(prefix="pay-planted-") as folder:
        tree = Path(folder, "tree")
        planted = Mistake(mistake.name, mistake.about, mistake.found_by, ()) if sound else mistake
        plant(planted, tree)
        began = time.monotonic()
        code, output = _run(mistake.found_by, tree)
        seconds = round(time.monotonic() - began)
    return Found(mistake.name, finding(mistake.found_by, code, output), seconds, output)


def _run(command: str, tree: Path) -> tuple[int, str]:
    program = [sys.executable, "-m", *shlex.split(command), *_extra(command)]
    env = {name: value for name, value in os.environ.items() if name not in _NOT_HERE}
    with subprocess.Popen(
        program, cwd=tree, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            try:
                output, _ = process.communicate(timeout=STOPPING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                output, _ = process.communicate()
            output += f"\nstopped after {SECONDS_MAX} s"
    return process.returncode, output


def _extra(command: str) -> list[str]:
    return ["--jobs", "1"] if command.startswith("tests.kills ") else []


def finding(command: str, code: int, output: str) -> str:
    """Return what was found, in the finder's own words; nothing if it only stumbled."""
    reader = _READERS[command.partition(" ")[0]]
    found = reader(command, code, output.splitlines()) if code in {0, 1} else ""
    return _ID.sub("…", found).strip()


def _by_kills(command: str, code: int, lines: list[str]) -> str:
    point = _WITH_POINT.search(command)
    for line, following in pairwise(lines):
        if line.startswith("BROKEN "):
            is_early = point and point[1] not in line
            return following.strip().partition(" [{")[0] + (_EARLY if is_early else "")
    if point and not code and not any("1 held" in line for line in lines):
        return f"{point[1]} is never reached"
    return ""


def _by_chaos(command: str, code: int, lines: list[str]) -> str:
    last = next((line for line in reversed(lines) if line.startswith("CHAOS ")), "")
    words = re.findall(r"(?:duplicates|lost|unbalanced|stuck)=[1-9][0-9]*", last)
    return ", ".join(words) if code else ""


_READERS: dict[str, Callable[[str, int, list[str]], str]] = {
    "tests.kills": _by_kills,
    "tests.chaos": _by_chaos,
}
