"""Makes ``.venv``, installs a lock into it, and hands over to it.

    python3 config/stack/bootstrap.py local -m config.stack up

The first word names the lock (``requirements/<word>.txt``); the rest goes to ``.venv/bin/python``.
It runs on a bare Python, so it imports the standard library only, and old Pythons must be able to
read it in order to refuse.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
LOCAL = ROOT / ".local"
OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
PIP_TAIL_LINES = 15
# The development lock contains the local one, version for version.
CONTAINS = {"local": ["local"], "dev": ["dev", "local"]}


def main() -> None:
    lock, *rest = sys.argv[1:]
    check_python()
    if not is_running():
        LOCAL.mkdir(mode=0o700, exist_ok=True)
        with (LOCAL / "setup.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            install(lock)
    os.chdir(str(ROOT))
    os.execv(str(PYTHON), [str(PYTHON), *rest])  # noqa: S606 - our own Python


def check_python() -> None:
    if sys.version_info < OLDEST:
        for name in NEWER:
            found = shutil.which(name)
            if found:
                os.execv(found, [found, *sys.argv])  # noqa: S606 - a newer Python
        wanted = ".".join(map(str, OLDEST))
        sys.exit(
            f"Python {wanted} or newer is needed, {sys.executable} is {sys.version.split()[0]}; "
            "name another: make up PYTHON=/path/to/python3"
        )
    missing = [name for name in ("venv", "ensurepip") if not importlib.util.find_spec(name)]
    if missing:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.exit(
            f"{sys.executable} lacks the module {missing[0]}; "
            f"on Debian and Ubuntu: apt install python{version}-venv"
        )


def is_running() -> bool:
    """Test for a running stack, whose packages must not change under it."""
    path = LOCAL / "run" / "lock"
    if not path.exists() or not PYTHON.exists():
        return False
    with path.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def fingerprint(lock: str) -> str:
    """Return what an installation depends on: the lock, and the Python below the venv."""
    digest = hashlib.sha256((ROOT / "requirements" / f"{lock}.txt").read_bytes())
    digest.update(os.path.realpath(PYTHON).encode())
    return digest.hexdigest()


def is_installed(lock: str) -> bool:
    if not PYTHON.exists() or not STAMP.exists():
        return False
    installed = json.loads(STAMP.read_text())
    return isinstance(installed, dict) and installed.get(lock) == fingerprint(lock)


def has_pip() -> bool:
    command = [str(PYTHON), "-c", "import pip"]
    return PYTHON.exists() and subprocess.call(command, stderr=subprocess.DEVNULL) == 0  # noqa: S603


def install(lock: str) -> None:
    if is_installed(lock):
        return
    began = time.monotonic()
    if not has_pip():
        print("making .venv", flush=True)
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", str(VENV)])  # noqa: S603
    STAMP.unlink(missing_ok=True)
    run_pip(lock)
    STAMP.write_text(json.dumps({name: fingerprint(name) for name in CONTAINS[lock]}))
    print(f"installed in {time.monotonic() - began:.0f} s", flush=True)


def run_pip(lock: str) -> None:
    """Install the lock, saying which package is being fetched."""
    file = ROOT / "requirements" / f"{lock}.txt"
    total = sum("==" in line for line in file.read_text().splitlines())
    print(f"installing up to {total} packages from requirements/{lock}.txt", flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "--require-hashes", "--progress-bar=off"]
    command += ["--disable-pip-version-check", "--no-input", "-r", str(file)]
    said, done = [], 0
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or []:
            said.append(line)
            if line.startswith("Collecting "):
                done += 1
                print(f"  {done:>3} {line.split()[1]}", flush=True)
            elif line.startswith("Installing collected"):
                print("  unpacking", flush=True)
    if pip.returncode:
        sys.exit("".join(said[-PIP_TAIL_LINES:]) + "installing failed, see above")


if __name__ == "__main__":
    main()
