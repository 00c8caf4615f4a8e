"""Merchants who pay and refund without a pause, ask everything twice, and keep asking.

Nobody waits for anybody: what has to be done later lies in a heap, by its time.
"""

import heapq
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import requests

from tests.chaos.ground import Ground
from tests.crash.merchants import (
    DEMO_KEY,
    IN_PROGRESS,
    SERVER_ERROR,
    TIMEOUT_SECONDS,
    Merchants,
)
from tests.outside.journal import Journal

THREADS = 16
PAYMENTS_MAX = 20_000
# How many may wait for their first answer: when nobody answers, asking more shows nothing.
UNANSWERED_MAX = 200
AGAIN_SECONDS = (0.4, 1.6)
REFUND_AFTER_SECONDS = (2.0, 12.0)
LOOKS_MAX = 12
REFUNDED, SECOND_REFUND = 0.35, 0.3
AT_THE_SAME_TIME, OTHER_BODY = 0.4, 0.02
CURRENCIES = ("INR", "INR", "EUR", "USD")


class Load(Merchants):
    """The swarm; it ends when told to, and what was not answered by then is asked for on."""

    def __init__(self, ground: Ground, journal: Journal, seed: int, rate: float) -> None:
        super().__init__(ground, journal)
        self._base = f"http://127.0.0.1:{ground.client_wire.port}"
        self._seed = seed
        self._rate = rate
        self._chance = random.Random(f"{seed}/load")
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._turn = threading.Condition()
        self._is_taking = True
        self._is_over = False
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]
        self.waiting: set[str] = set()
        self.payments = 0
        self.refunds = 0
        self.answers: Counter[int] = Counter()

    # The heap

    def start(self) -> None:
        """Begin."""
        self._later(0, self._next_payment)
        for thread in self._threads:
            thread.start()

    def stop_new(self) -> None:
        """Begin no payment and no refund any more."""
        self._is_taking = False

    def finish(self, seconds: float) -> int:
        """Wait for the answers that are missing; return how many are, at the end."""
        deadline = time.monotonic() + seconds
        while self.waiting and time.monotonic() < deadline:
            time.sleep(0.1)
        with self._turn:
            self._is_over = True
            self._turn.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(30)
        return len(self.waiting)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        with self._turn:
            due = time.monotonic() + seconds
            heapq.heappush(self._heap, (due, next(self._order), act))
            self._turn.notify()

    def _work(self) -> None:
        while (act := self._next()) is not None:
            act()

    def _next(self) -> Callable[[], None] | None:
        with self._turn:
            while not self._is_over:
                wait = self._heap[0][0] - time.monotonic() if self._heap else 1.0
                if wait <= 0:
                    return heapq.heappop(self._heap)[2]
                self._turn.wait(min(wait, 1.0))
            return None

    # What is asked

    def _next_payment(self) -> None:
        if not self._is_taking or self.payments >= PAYMENTS_MAX:
            return
        self._later(self._chance.expovariate(self._rate), self._next_payment)
        if len(self.waiting) >= UNANSWERED_MAX:
            return
        self.payments += 1
        key = f"chaos-{self._seed}-{self.payments}"
        body = {
            "amount": self._chance.randint(100, 9_999),
            "currency": self._chance.choice(CURRENCIES),
            "gateway": "simulator",
        }
        self._ask_twice("/api/payments/", key, body, then=self._maybe_refund)

    def _ask_twice(
        self, path: str, key: str, body: dict[str, Any], then: Callable[[str], None]
    ) -> None:
        chance = self._chance
        self.waiting.add(key)
        at_once = chance.random() < AT_THE_SAME_TIME
        self._later(
            0 if at_once else chance.uniform(0.2, 15), lambda: self._ask_until(path, key, body)
        )
        if chance.random() < OTHER_BODY:
            other = {**body, "amount": body["amount"] + 1}
            self._later(chance.uniform(1, 10), lambda: self._ask_until(path, key, other))
        self._ask_until(path, key, body, then)

    def _ask_until(
        self,
        path: str,
        key: str,
        body: dict[str, Any],
        then: Callable[[str], None] | None = None,
    ) -> None:
        """Ask, and ask again until there is an answer that says something."""
        answer = self._ask(path, key, body)
        self.answers[answer.status_code if answer is not None else 0] += 1
        if answer is None or answer.status_code >= SERVER_ERROR or _is_vague(answer):
            self._later(
                self._chance.uniform(*AGAIN_SECONDS), lambda: self._ask_until(path, key, body, then)
            )
            return
        if then is not None:
            self.waiting.discard(key)
            if answer.ok:
                then(str(answer.json()["id"]))

    # Refunds

    def _maybe_refund(self, payment: str) -> None:
        if self._is_taking and self._chance.random() < REFUNDED:
            self._look_later(payment, LOOKS_MAX)

    def _look_later(self, payment: str, looks: int) -> None:
        self._later(
            self._chance.uniform(*REFUND_AFTER_SECONDS),
            lambda: self._refund_if_paid(payment, looks),
        )

    def _refund_if_paid(self, payment: str, looks: int) -> None:
        if not self._is_taking:
            return
        found = self._shown(payment)
        if found.get("status") == "SUCCESS":
            self._refund_parts(payment, int(found["amount"]))
        elif found.get("status") != "FAILED" and looks:
            self._look_later(payment, looks - 1)

    def _shown(self, payment: str) -> dict[str, Any]:
        """Return a payment as web shows it; nothing if it does not answer."""
        try:
            answer = self._session().get(
                f"{self._base}/api/payments/{payment}/",
                headers={"X-API-KEY": DEMO_KEY},
                timeout=TIMEOUT_SECONDS,
            )
        except requests.RequestException:
            return {}
        return answer.json() if answer.ok else {}

    def _refund_parts(self, payment: str, amount: int) -> None:
        part = self._chance.randint(1, amount // 2)
        parts = [part, part] if self._chance.random() < SECOND_REFUND else [part]
        for each in parts:
            self.refunds += 1
            key = f"refund-{self._seed}-{self.refunds}"
            path = f"/api/payments/{payment}/refund/"
            self._ask_twice(path, key, {"amount": each}, then=lambda _: None)


def _is_vague(answer: Any) -> bool:
    return answer.status_code in {IN_PROGRESS, HTTPStatus.TOO_MANY_REQUESTS}
