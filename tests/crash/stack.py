"""The project's own processes, started, frozen and killed one by one.

The commands are those of ``make up``. Every process is known by its number, in a session of its
own, and ends with the test.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import requests
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from config.stack import processes, programs
from config.stack.broker import Broker
from config.stack.ports import LOOPBACK, free_port
from config.stack.processes import Program
from config.stack.settings import Plan
from config.stack.simulator import Simulator
from tests import servers
from tests.servers import ROOT

POLL_SECONDS = 0.05
START_SECONDS = 40
LOG_TAIL = 4000
# Longer than a gateway call may take here.
SLOW_SECONDS = 4
CONTROL_TOKEN = "a token of the crash tests"
# Two slots each; the margin for settling is fixed, and the rest is as short as it lets it be.
SHORT_LEASES = {
    "DISPATCH_LEASE_SECONDS": "2",
    "RUN_LEASE_SECONDS": "6",
    "GATEWAY_TOTAL_SECONDS": "3",
    "STALE_READ_WINDOW_SECONDS": "2",
    "SWEEP_EVERY_SECONDS": "0.5",
}


@dataclass(frozen=True, slots=True)
class Running:
    """A process and how it was started."""

    program: Program
    process: subprocess.Popen[bytes]


class Stack:
    """Web, dispatchers and workers on one database and one broker."""

    def __init__(self, folder: Path, databases: servers.TestDatabases, **env: str) -> None:
        self.folder = folder
        self.databases = databases
        self.database = databases.fresh()
        self.broker = Broker(folder / "broker", free_port())
        self.mock_db = folder / "mock.sqlite3"
        self.port = free_port()
        self.simulator = Simulator(free_port(), ("--slow-seconds", str(SLOW_SECONDS)))
        self.simulator_db = folder / "simulator.sqlite3"
        self._env = env
        self._running: dict[str, Running] = {}
        self._programs = {program.name: program for program in programs.ours(self._plan())}
        self._programs["broker"] = self.broker.program()

    def _plan(self) -> Plan:
        values = {
            **self.databases.env(self.database),
            "REDIS_URL": self.broker.url,
            "MOCK_DB": str(self.mock_db),
            "MOCK_WEBHOOK_SECRET": "a secret of the crash tests",
            "PORT": str(self.port),
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics"),
            "DJANGO_SETTINGS_MODULE": "tests.crash.settings",
            "SIMULATOR_URL": self.simulator.url,
            "SIMULATOR_DB": str(self.simulator_db),
            "SIMULATOR_API_KEY": "a key of the crash tests",
            "SIMULATOR_CONTROL_TOKEN": CONTROL_TOKEN,
            "SIMULATOR_WEBHOOK_SECRET": "another secret of the crash tests",
            "SIMULATOR_WEBHOOK_URL": f"http://{LOOPBACK}:{self.port}/api/webhooks/simulator/",
            "SIMULATOR_KEYS": "1",
            "SIMULATOR_KEY_LIFETIME_SECONDS": "86400",
            **self._env,
        }
        roles = self.databases.roles
        return Plan(values, LOOPBACK, self.port, None, self.broker, roles, "", self.simulator)

    # Processes

    def start(self, *names: str) -> None:
        """Start processes by name; `worker-2` is a second worker. Wait until all are there."""
        for name in names:
            program = self._program(name)
            assert name not in self._running, f"{name} runs already"
            self._log(name).unlink(missing_ok=True)
            process = processes.start(program, self._log(name))
            self._running[name] = Running(program, process)
        for name in names:
            self.until(f"{name} to be ready", partial(self._is_ready, name), START_SECONDS)

    def _program(self, name: str) -> Program:
        """Return how to run the process of this name."""
        kind, _, number = name.partition("-")
        program = self._programs[kind]
        if kind == "worker":
            return replace(program, command=[*program.command, "-n", f"w{number}@%h"])
        return program

    def _is_ready(self, name: str) -> bool:
        running = self._running[name].process
        assert running.poll() is None, f"{name} ended with {running.returncode}\n{self.logs()}"
        match name.partition("-")[0]:
            case "web":
                return _answers(f"http://{LOOPBACK}:{self.port}/healthz")
            case "simulator":
                return _answers(f"{self.simulator.url}/healthz")
            case "broker":
                with suppress(OSError):
                    return self.broker._ping() == b"+PONG"
                return False
            case "dispatcher":
                return "dispatcher.started" in self._log(name).read_text()
            case _:
                return " ready." in self._log(name).read_text()

    def is_alive(self, name: str) -> bool:
        """Tell whether a process that was started has not ended by itself."""
        return self._running[name].process.poll() is None

    def kill(self, name: str) -> None:
        """Kill a process and everything below it, at once and without a word."""
        processes.kill_tree(self._running.pop(name).process)

    def stop(self, name: str) -> float:
        """Ask a process to stop; return how long that took."""
        running = self._running.pop(name)
        begun = time.monotonic()
        asked = processes.stop(running.process, running.program)
        assert asked, f"{name} did not stop by itself\n{self.logs()}"
        return time.monotonic() - begun

    def freeze(self, name: str) -> None:
        """Stop the process and everything below it from running, for as long as we like."""
        for one in self._family(name):
            one.suspend()

    def thaw_children(self, name: str) -> None:
        """Let what is below the process go on, not itself: a pool would end its late children."""
        for one in self._family(name)[1:]:
            one.resume()

    def thaw(self, name: str) -> None:
        """Let the process and everything below it go on."""
        for one in self._family(name):
            one.resume()

    def _family(self, name: str) -> list[psutil.Process]:
        first = psutil.Process(self._running[name].process.pid)
        return [first, *first.children(recursive=True)]

    def close(self) -> None:
        """End everything, however it stands."""
        for name in list(self._running):
            with suppress(psutil.Error):
                self.thaw(name)
            self.kill(name)
        self.databases.drop(self.database)

    # Waiting and looking

    def until(self, what: str, condition: Callable[[], Any], seconds: float) -> Any:
        """Wait for the condition and return what it returned."""
        deadline = time.monotonic() + seconds
        while True:
            if found := condition():
                return found
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}\n{self.logs()}"
            time.sleep(POLL_SECONDS)

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Ask the database, as the owner."""
        url = self.databases.url(self.database, owner=True)
        with closing(servers.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, params)
            found = cursor.fetchall() if cursor.description else []
            connection.commit()
            return found

    def value(self, sql: str, *params: Any) -> Any:
        """Return the one value that the database answers."""
        return self.rows(sql, *params)[0][0]

    def get(self, path: str) -> requests.Response:
        """Ask web for a page."""
        return requests.get(f"http://{LOOPBACK}:{self.port}{path}", timeout=5)

    def counted(self, name: str) -> float:
        """Return a metric, over all processes and labels."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        samples = (sample for family in families for sample in family.samples)
        return sum(sample.value for sample in samples if sample.name == name)

    def redis(self) -> "Redis":
        """Return a connection to the broker."""
        return Redis.from_url(self.broker.url, socket_timeout=5)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of manage.py."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **self._plan().values},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def logs(self) -> str:
        """Return the ends of all logs."""
        parts = [
            f"--- {path.name}\n{path.read_text(errors='replace')[-LOG_TAIL:]}"
            for path in sorted(self.folder.glob("*.log"))
        ]
        return "\n".join(parts)


def _answers(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(url, timeout=5).ok
    return False
