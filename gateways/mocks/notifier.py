"""The mocks' own sender of webhooks: one daemon thread for each process that needs it.

It forgets everything when its process dies. A provider's webhook may be lost, too, and must not
be the only way to learn a result.
"""

import heapq
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import requests

from core.logging import get_logger
from gateways import signatures
from gateways.mocks import webhook

log = get_logger(__name__)

_TRIES_MAX = 3
_WAIT_SECONDS = 0.5
_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, order=True, slots=True)
class _Letter:
    at: float
    body: bytes
    tries: int = 0
    is_true: Callable[[], bool] | None = field(default=None, compare=False)


class Notifier:
    """Posts signed bodies to one address when their time comes, in at most three tries."""

    def __init__(self, url: str, secret: str, before_send: Callable[[], None]) -> None:
        self._url = url
        self._secret = secret
        self._before_send = before_send
        self._queues: dict[int, _Queue] = {}

    def send_at(self, at: float, body: bytes, is_true: Callable[[], bool] | None = None) -> None:
        """Post the body at this Unix time, if what it tells has happened by then."""
        # A forked child has neither the parent's thread nor its letters to send.
        queue = self._queues.setdefault(os.getpid(), _Queue())
        queue.put(_Letter(at, body, is_true=is_true))
        queue.start_once(self._run)

    def _run(self, queue: "_Queue") -> None:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the machine is not between a mock and us
            while True:
                letter = queue.get()
                tries = letter.tries + 1
                if self._posted(session, letter):
                    continue
                if tries < _TRIES_MAX:
                    at = time.time() + _WAIT_SECONDS * tries
                    queue.put(replace(letter, at=at, tries=tries))
                else:
                    log.warning("mock.webhook_given_up", tries=tries)

    def _posted(self, session: requests.Session, letter: _Letter) -> bool:
        body = letter.body
        signature = signatures.sign(self._secret, body, time.time())
        try:
            self._before_send()
            if letter.is_true and not letter.is_true():
                return True
            answer = session.post(
                self._url,
                data=body,
                headers={"Content-Type": "application/json", webhook.HEADER: signature},
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except (requests.RequestException, sqlite3.Error) as error:
            log.info("mock.webhook_failed", error=type(error).__name__)
            return False
        return answer.ok


class _Queue:
    """Letters by due time, and the thread that waits for them."""

    def __init__(self) -> None:
        self._letters: list[_Letter] = []
        self._changed = threading.Condition()
        self._is_running = False

    def put(self, letter: _Letter) -> None:
        with self._changed:
            heapq.heappush(self._letters, letter)
            self._changed.notify()

    def get(self) -> _Letter:
        with self._changed:
            while not self._letters or self._letters[0].at > time.time():
                wait = self._letters[0].at - time.time() if self._letters else None
                self._changed.wait(wait)
            return heapq.heappop(self._letters)

    def start_once(self, run: "Callable[[_Queue], None]") -> None:
        with self._changed:
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=run, args=[self], name="mock-webhooks", daemon=True).start()
