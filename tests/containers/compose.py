"""podman-compose in the place of docker-compose, in a fresh clone of the repository."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

from tests.containers.podman import Podman
from tests.containers.speech import Failed, say

ROOT = Path(__file__).resolve().parents[2]


class Compose:
    """The program and the clone it runs in."""

    def __init__(self, podman: Podman) -> None:
        self.podman = podman
        self.clone = podman.folder / "payments"
        self._program = podman.folder / "venv" / "bin" / "podman-compose"
        self._build_arguments = _pip_settings(podman.folder)

    def prepare(self) -> None:
        """Clone what is committed, and install podman-compose."""
        say(f"cloning {ROOT}: what is committed, nothing else")
        _run(["git", "clone", "--quiet", str(ROOT), str(self.clone)])
        say("installing podman-compose into an environment of its own")
        venv = self._program.parents[1]
        _run([sys.executable, "-m", "venv", str(venv)])
        lock = ROOT / "requirements" / "containers.txt"
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        _run([*pip, "--require-hashes", "-r", str(lock)])

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of one compose command."""
        build = [f"--podman-build-args={' '.join(self._build_arguments)}"]
        if arguments[0] == "build":
            # Side by side they would build the same image four times, for want of a shared cache.
            build.append("--parallel=1")
        return [str(self._program), *build, *arguments]

    def __call__(self, *arguments: str) -> str:
        """Run a command to its end, and return what it printed.

        :raises Failed: if it fails
        """
        say(f"$ docker-compose {' '.join(arguments)}")
        done = subprocess.run(
            self.command(*_without_terminal(arguments)),
            cwd=self.clone,
            env=self.podman.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            message = f"it ended with code {done.returncode}:\n{done.stdout[-6000:]}"
            raise Failed(message)
        return done.stdout

    def begin(self, log: IO[bytes], *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command that runs until somebody ends it."""
        say(f"$ docker-compose {' '.join(arguments)}   (in a terminal of its own)")
        return subprocess.Popen(
            self.command(*_without_terminal(arguments)),
            cwd=self.clone,
            env=self.podman.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _without_terminal(arguments: tuple[str, ...]) -> list[str]:
    # A person has a terminal; there is none here.
    verb, *rest = arguments
    return [verb, "-T", *rest] if verb == "exec" else [verb, *rest]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        raise Failed(message)


def _pip_settings(folder: Path) -> list[str]:
    """Return what makes the pip inside a build find packages as this machine's pip does.

    Settings and the files that they name are mounted while the build runs, so nothing of them is
    in the image.
    """
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    settings: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = value.strip("'\"")
    arguments = ["--network=host"]
    file = folder / "pip.conf"
    lines = [f"{name} = {value}" for name, value in settings.items()]
    file.write_text("\n".join(["[global]", *lines, ""]))
    arguments.append(f"--volume={file}:/etc/pip.conf:ro")
    return [*arguments, *_mounts(settings, folder)]


def _mounts(settings: dict[str, str], folder: Path) -> list[str]:
    arguments = []
    words = {word for value in settings.values() for word in value.split()}
    # An index of files names its packages relative to itself, beside it.
    indexes = {Path(word[7:]).parent for word in words if word.startswith("file:///")}
    for place in sorted(indexes | {Path(word) for word in words if word.startswith("/")}):
        if place.is_file():
            # A copy, because the image may have a file of that name, and this one may be a link.
            copy = folder / place.name
            shutil.copyfile(place, copy)
            arguments.append(f"--volume={copy}:{place}:ro")
        elif place.is_dir():
            arguments.append(f"--volume={place}:{place}:ro")
    return arguments
