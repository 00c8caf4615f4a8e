"""Merchants who write down what they were promised, and ask again until they have an answer."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol
from uuid import uuid4

import requests

from tests.outside.journal import Journal

# What `manage.py seed_demo` makes.
DEMO_KEY = "test_api_key"
THREADS = 8
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.1
TIMEOUT_SECONDS = 10
IN_PROGRESS = 409
SERVER_ERROR = 500

Body = Mapping[str, Any]


class Asked(Protocol):
    """Whoever has a web server for merchants, and a database that knows them."""

    port: int

    def value(self, sql: str, *params: Any) -> Any:
        """Return the one value that the database answers."""
        ...


class Merchants:
    """A swarm of clients with one journal: key → the ids answered with 2xx."""

    def __init__(self, stack: Asked, journal: Journal | None = None) -> None:
        self._base = f"http://127.0.0.1:{stack.port}"
        self._journal = journal
        self._merchant = stack.value("SELECT id::text FROM core_merchant") if journal else ""
        self._local = threading.local()
        self._lock = threading.Lock()
        self.promised: defaultdict[str, set[str]] = defaultdict(set)
        self.bodies: dict[str, Body] = {}
        self.server_errors: list[str] = []
        self.retries = 0

    def pay(self, *, key: str = "", **body: Any) -> str:
        """Create a payment, however often it takes; return its id."""
        key = key or str(uuid4())
        body = {"amount": 1000, "currency": "INR", "gateway": "mock", **body}
        self.bodies[key] = body
        return self._insist("/api/payments/", key, body)

    def refund(
        self, payment: str, *, key: str = "", amount: int | None = None, reason: str = ""
    ) -> str:
        """Refund a payment, all of it or a part; return the refund's id."""
        body: Body = ({} if amount is None else {"amount": amount}) | (
            {"reason": reason} if reason else {}
        )
        return self._insist(f"/api/payments/{payment}/refund/", key or str(uuid4()), body)

    def _insist(self, path: str, key: str, body: Body) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._ask(path, key, body)
            if answer is not None and answer.ok:
                found = str(answer.json()["id"])
                with self._lock:
                    self.promised[key].add(found)
                return found
            if answer is not None and answer.status_code >= SERVER_ERROR:
                self.server_errors.append(answer.text)
            elif answer is not None and answer.status_code != IN_PROGRESS:
                message = f"{answer.status_code} {answer.text}"
                raise AssertionError(message)
            assert time.monotonic() < deadline, f"no answer to {path} in {PATIENCE_SECONDS} s"
            self.retries += 1
            time.sleep(PAUSE_SECONDS)

    def _accepted(self, path: str, key: str, body: Body) -> bool:
        """Ask until there is an answer; tell whether it is a yes."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._ask(path, key, body)
            if answer is not None and answer.ok:
                return True
            is_in_progress = answer is not None and "Retry-After" in answer.headers
            if answer is not None and answer.status_code < SERVER_ERROR and not is_in_progress:
                return False
            assert time.monotonic() < deadline, f"no answer to {path} in {PATIENCE_SECONDS} s"
            self.retries += 1
            time.sleep(PAUSE_SECONDS)

    def _ask(self, path: str, key: str, body: Body) -> requests.Response | None:
        if self._journal is None:
            return self._send(path, key, body)[0]
        request = self._journal.ask(merchant=self._merchant, path=path, key=key, body=body)
        answer, why = self._send(path, key, body)
        if answer is None:
            self._journal.silence(request, why)
        else:
            replayed = "Idempotency-Replayed" in answer.headers
            self._journal.answer(request, answer.status_code, answer.text, replayed=replayed)
        return answer

    def _send(self, path: str, key: str, body: Body) -> tuple[requests.Response | None, str]:
        headers = {"X-API-KEY": DEMO_KEY, "Idempotency-Key": key}
        try:
            answer = self._session().post(
                self._base + path, json=body, headers=headers, timeout=TIMEOUT_SECONDS
            )
        except requests.RequestException as error:
            return None, repr(error)
        return answer, ""

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        return session

    def pay_all(self, bodies: Iterable[Body]) -> list[str]:
        """Create payments side by side."""
        with self.paying(bodies) as futures:
            return [future.result() for future in futures]

    @contextmanager
    def paying(self, bodies: Iterable[Body]) -> Iterator[list[Future[str]]]:
        """Create payments side by side while the block does its worst."""
        with ThreadPoolExecutor(THREADS) as pool:
            yield [pool.submit(self.pay, **body) for body in bodies]
