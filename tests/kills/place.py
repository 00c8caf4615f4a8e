"""Where one case happens at a time: a nursery, ports, a database and a provider of its own."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psutil
import psycopg2
import redis
import requests
from prometheus_client.parser import text_string_to_metric_families

from config.stack.ports import LOOPBACK, free_port
from tests.kills.ground import API_KEY, ENVIRONMENT, WEBHOOK_ADDRESS, WEBHOOK_SECRET, Ground
from tests.servers import ROOT
from tests.webhooks.sinks import Listening

LEASES = {
    "DISPATCH_LEASE_SECONDS": "1.0",
    "GATEWAY_TOTAL_SECONDS": "1.0",
    "SETTLE_MARGIN_SECONDS": "0.3",
    "RUN_LEASE_SECONDS": "1.3",
    "STALE_READ_WINDOW_SECONDS": "0.4",
    "SWEEP_EVERY_SECONDS": "0.2",
    # A pool ends its late children after about as long, and the frozen ones have to wake up.
    "SETTLE_PATIENCE_SECONDS": "30",
    "WORKER_SLOTS": "2",
    "BATCH_SIZE": "10",
}
SLOW_SECONDS = 0.4
POLL_SECONDS = 0.04
START_SECONDS = 30
NEEDED = ("simulator", "web", "dispatcher", "worker")


class Stuck(Exception):
    """Something did not happen in its time."""


class Place:
    """One job's own corner of the ground."""

    def __init__(self, ground: Ground, number: int) -> None:
        self.ground, self.number = ground, number
        self.folder = ground.folder / f"place{number}"
        self.folder.mkdir()
        self.database = f"{ground.databases.template}_place{number}"
        self.port, self.simulator_port = free_port(), free_port()
        self.sink = Listening()
        self.simulator_url = f"http://{LOOPBACK}:{self.simulator_port}"
        self.simulator_db = self.folder / "simulator.sqlite3"
        self.hits, self.metrics = self.folder / "hits", self.folder / "metrics"
        self.metrics.mkdir()
        self.running: dict[str, int] = {}
        self._lock = threading.Lock()
        self._options: dict[str, Any] = {}
        self._nursery = self._started()
        self._owner: Any = None

    # The nursery

    def _started(self) -> "subprocess.Popen[str]":
        env = {
            **os.environ,
            **ENVIRONMENT,
            **LEASES,
            **self.ground.databases.env(self.database),
            "LOG_LEVEL": "INFO",
            "PORT": str(self.port),
            "REDIS_URL": self.ground.broker_url(self.number),
            "MOCK_DB": str(self.folder / "mock.sqlite3"),
            "PROMETHEUS_MULTIPROC_DIR": str(self.metrics),
            "KILL_POINT": "",
            "KILL_POINT_HITS": str(self.hits),
            "WEBHOOK_TEST_HOSTS": self.sink.sink.host,
            "SIMULATOR_URL": self.simulator_url,
            "SIMULATOR_API_KEY": API_KEY,
            "SIMULATOR_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "SIMULATOR_WEBHOOK_URL": self.url(WEBHOOK_ADDRESS),
        }
        with (self.folder / "nursery.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.kills.nursery"],
                cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True, bufsize=1, start_new_session=True,
            )  # fmt: skip
        assert process.stdout
        if "ready" not in process.stdout.readline():
            raise Stuck((self.folder / "nursery.log").read_text())
        return process

    def ask(self, act: str, **given: Any) -> dict[str, Any]:
        """Have the nursery do something."""
        with self._lock:
            assert self._nursery.stdin
            assert self._nursery.stdout
            self._nursery.stdin.write(json.dumps({"act": act, **given}) + "\n")
            answer = self._nursery.stdout.readline()
        if not answer:
            raise Stuck((self.folder / "nursery.log").read_text())
        found: dict[str, Any] = json.loads(answer)
        return found

    def start(self, name: str, **given: Any) -> int:
        """Start a process; `worker-2` is a second worker."""
        role = name.partition("-")[0]
        answer = self.ask(
            "start",
            role=role,
            name=name,
            log=str(self.folder / f"{name}.log"),
            hits=str(self.hits),
            database=str(self.simulator_db),
            port=self.simulator_port,
            slow_seconds=SLOW_SECONDS,
            **{**self._options, **given},
        )
        self.running[name] = int(answer["pid"])
        return self.running[name]

    def run(self, role: str, **given: Any) -> Any:
        """Run something to its end and return what it wrote down."""
        into = self.folder / f"{role}.json"
        into.unlink(missing_ok=True)
        pid = self.start(role, into=str(into), kill_point="", **given)
        self.until(f"{role} to end", lambda: str(pid) in self.ask("gone")["gone"], START_SECONDS)
        del self.running[role]
        if not into.exists():
            message = f"{role} wrote nothing\n{self.log(role)}"
            raise Stuck(message)
        return json.loads(into.read_text())

    # A case

    def renew(self, **options: Any) -> None:
        """Begin anew: nothing runs, nothing was ever asked; ``options`` are for all processes."""
        self.clear()
        self._options = options
        self.ground.renew(self.database)
        with closing(redis.Redis.from_url(self.ground.broker_url(self.number))) as client:
            client.flushdb()
        for path in [*self.folder.glob("*.log"), *self.folder.glob("*.sqlite3*")]:
            path.unlink()
        for path in self.metrics.glob("*.db"):
            path.unlink()
        self.hits.write_bytes(b"")
        self.sink.sink.came.clear()

    def start_all(self) -> None:
        """Start everything, and wait for those with a door."""
        for name in NEEDED:
            self.start(name)
        self.until(
            "the simulator", lambda: _answers(f"{self.simulator_url}/healthz"), START_SECONDS
        )
        self.until("web", lambda: _answers(self.url("/healthz")), START_SECONDS)

    def clear(self) -> None:
        """Kill everything, and let go of the database."""
        self.ask("kill")
        self.running.clear()
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def close(self) -> None:
        """End this place."""
        with suppress(Stuck, OSError):
            self.clear()
        self.sink.close()
        with self._nursery:  # closes the pipes and waits: it ends when nobody asks any more
            pass
        shutil.rmtree(self.folder, ignore_errors=True)

    # Looking

    def until(self, what: str, condition: Callable[[], Any], seconds: float) -> Any:
        """Wait for the condition and return what it returned.

        :raises Stuck: if it does not come true
        """
        deadline = time.monotonic() + seconds
        while True:
            if found := condition():
                return found
            if time.monotonic() > deadline:
                message = f"waited {seconds} s for {what}"
                raise Stuck(message)
            time.sleep(POLL_SECONDS)

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Ask the database, as the owner; each time in a transaction of its own."""
        if self._owner is None:
            url = self.ground.databases.url(self.database, owner=True)
            self._owner = psycopg2.connect(url)
            self._owner.autocommit = True
        with self._owner.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql: str, *params: Any) -> Any:
        """Return the one value that the database answers."""
        return self.rows(sql, *params)[0][0]

    def url(self, path: str) -> str:
        """Return the address of a page."""
        return f"http://{LOOPBACK}:{self.port}{path}"

    def counted(self, *names: str) -> float:
        """Return the sum of these metrics, over all processes and labels."""
        families = text_string_to_metric_families(
            requests.get(self.url("/metrics"), timeout=5).text
        )
        return sum(
            sample.value for family in families for sample in family.samples if sample.name in names
        )

    def trace(self) -> list[list[str]]:
        """Return the points that were reached: name, time, action, process."""
        return [line.split() for line in self.hits.read_text().splitlines()]

    def frozen(self) -> list[int]:
        """Return who was told to freeze, in that order."""
        return [int(pid) for *_, action, pid in self.trace() if action == "stop"]

    def thaw(self, pids: Iterable[int]) -> None:
        """Let these processes go on."""
        for pid in pids:
            with suppress(psutil.Error):
                psutil.Process(pid).resume()

    def log(self, name: str) -> str:
        """Return the end of a process's log."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""


def _answers(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(url, timeout=2).ok
    return False


@contextmanager
def seeded(ground: Ground) -> Iterator[Place]:
    """Give the first place, having seeded the template that all places clone."""
    place = Place(ground, 0)
    try:
        ground.renew(place.database)
        ground.cookies = place.run("seed", seed=0)
        ground.seeded_by(place.database)
        yield place
    finally:
        place.close()
