"""The simulator as a process of its own, asked and controlled over real sockets."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from config.stack.ports import LOOPBACK, free_port
from tests.servers import ROOT

API_KEY = "the simulator's key"
CONTROL_TOKEN = "the simulator's control token"
WEBHOOK_SECRET = "the simulator's webhook secret"
SLOW_SECONDS = 1.5
READY_SECONDS = 20
PATIENCE_SECONDS = 15
POLL_SECONDS = 0.05


class Provider:
    """One simulator; its file outlives its process."""

    def __init__(self, folder: Path, *arguments: str, webhook_url: str = "") -> None:
        self.database = folder / "simulator.sqlite3"
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        slow = ["--slow-seconds", str(SLOW_SECONDS)]
        self._command = [sys.executable, "-m", "simulator", "--port", str(self.port), *slow]
        self._command += arguments
        self._log = folder / "simulator.log"
        self._env = {
            **os.environ,
            "SIMULATOR_DB": str(self.database),
            "SIMULATOR_API_KEY": API_KEY,
            "SIMULATOR_CONTROL_TOKEN": CONTROL_TOKEN,
            "SIMULATOR_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "SIMULATOR_WEBHOOK_URL": webhook_url,
        }
        self._session = requests.Session()
        self._session.trust_env = False
        self._process: subprocess.Popen[bytes] | None = None

    # The process

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._env, stdout=log, stderr=log
            )
        self.until(self._is_ready, READY_SECONDS)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        with suppress(requests.RequestException):
            return self._session.get(f"{self.url}/healthz", timeout=5).ok
        return False

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end; return its code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(PATIENCE_SECONDS)

    # Asking

    def charge(self, payment_method: str = "", *, key: str = "", **given: Any) -> requests.Response:
        """Ask for a charge."""
        content = {"reference": f"ref-{uuid4()}", "amount": 1000, "currency": "INR", **given}
        return self.post("/v1/charges", {**content, "payment_method": payment_method}, key=key)

    def refund(self, charge: str, *, key: str = "", **given: Any) -> requests.Response:
        """Ask for a refund."""
        content = {"reference": f"ref-{uuid4()}", "amount": 400, "currency": "INR", **given}
        return self.post("/v1/refunds", {**content, "charge": charge}, key=key)

    def post(self, path: str, content: Any, *, key: str = "") -> requests.Response:
        """Ask for something with the API key."""
        headers = {"Authorization": f"Bearer {API_KEY}"} | ({"Idempotency-Key": key} if key else {})
        return self._session.post(self.url + path, json=content, headers=headers, timeout=10)

    def get(self, path: str, **params: Any) -> requests.Response:
        """Look something up with the API key."""
        headers = {"Authorization": f"Bearer {API_KEY}"}
        return self._session.get(self.url + path, params=params, headers=headers, timeout=10)

    def control(self, path: str, **content: Any) -> dict[str, Any]:
        """Give a command, which has to work."""
        headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
        answer = self._session.post(
            f"{self.url}/control/{path}", json=content, headers=headers, timeout=10
        )
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    # Looking behind it

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Ask its file."""
        with closing(sqlite3.connect(self.database, timeout=10)) as db:
            return db.execute(sql, params).fetchall()

    def effects(self, reference: str) -> list[tuple[str, int, str]]:
        """Return the money that moved for an operation."""
        sql = "SELECT kind, amount, currency FROM sim_effect WHERE reference = ? ORDER BY seq"
        return self.rows(sql, reference)

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait for the condition and return what it returned."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, self._log.read_text()[-2000:]
            time.sleep(POLL_SECONDS)
        return found
