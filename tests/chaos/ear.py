"""A merchant who is told of everything: refuses some of it, hangs up on some, and checks all of it.

Each event has to be taken at least once, in the same bytes on every try, and signed (I20 of the
invariants that the chaos run is there for).
"""

import json
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import uuid4

import psycopg2
import requests
from standardwebhooks import WebhookVerificationError

from tests.chaos.proxy import Wires
from tests.crash.merchants import DEMO_KEY
from tests.crash.stack import Stack
from tests.webhooks.sinks import Came, Listening, bodies

WIRE = "workers>merchant"
POLL_SECONDS = 0.5
EXAMPLES_MAX = 5
# Of all tries, while anything goes wrong.
_MOODS = {"refuse": 0.06, "hang up": 0.04, "dawdle": 0.01}
_DAWDLE_SECONDS = 1.5
# As if the hours had passed for which a delivery waits for its next try.
_HASTEN = """
    UPDATE outbox_message SET available_at = now()
    WHERE kind = 'deliver' AND state = 0 AND available_at > now()
"""
_UNTOLD = "SELECT count(*) FROM webhooks_delivery WHERE status = 'pending'"
_NUMBERS = "SELECT number FROM payments_eventnumber"
_UNNUMBERED = """
    SELECT count(*) FROM payments_event e
    WHERE NOT EXISTS (SELECT FROM payments_eventnumber n WHERE n.event_id = e.id)
"""


class Ear:
    """One endpoint of the demo merchant's, at the end of a wire of its own."""

    def __init__(self, seed: int, wires: Wires) -> None:
        self._listening = Listening(answer=self._answer)
        self._chance = random.Random(f"{seed}/ear")
        self._lock = threading.Lock()
        self._is_calm = False
        self._taken: set[str] = set()
        self._forged: set[str] = set()
        self._secret = ""
        self.moods: Counter[str] = Counter()
        self.host = f"127.0.0.1:{wires.link(WIRE, self._listening.sink.port).port}"

    def enroll(self, stack: Stack) -> None:
        """Make the endpoint, before anything happens that it would have to be told of."""
        answer = requests.post(
            f"http://127.0.0.1:{stack.port}/api/webhook-endpoints/",
            json={"url": f"http://{self.host}/hooks"},
            headers={"X-API-KEY": DEMO_KEY, "Idempotency-Key": str(uuid4())},
            timeout=10,
        )
        assert answer.status_code == requests.codes.created, answer.text
        self._secret = answer.json()["secret"]

    def _answer(self, handler: Any) -> None:
        """Answer a try as the mood is; what is taken is remembered first, as merchants do."""
        # At once, for a stamp is good for minutes only.
        if not self._is_signed(handler.came):
            self._forged.add(handler.came.headers["webhook-id"])
        mood = self._mood()
        if mood == "dawdle":
            time.sleep(_DAWDLE_SECONDS)
        if mood == "hang up":
            handler.close_connection = True
            return
        if mood != "refuse":
            with self._lock:
                self._taken.add(handler.headers["webhook-id"])
        with suppress(OSError):
            handler.send_response(500 if mood == "refuse" else 204)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

    def _mood(self) -> str:
        with self._lock:
            names = [*_MOODS, "take"]
            weights = [*_MOODS.values(), 1 - sum(_MOODS.values())]
            mood = "take" if self._is_calm else self._chance.choices(names, weights)[0]
            self.moods[mood] += 1
        return mood

    def calm(self) -> None:
        """Take everything from now on."""
        self._is_calm = True

    def hasten(self, stack: Stack) -> None:
        """Have what was not taken be tried again now, and not in five minutes or hours."""
        with suppress(psycopg2.Error):
            stack.rows(_HASTEN)

    def hear_out(self, stack: Stack, seconds: float) -> None:
        """Wait until nothing is left to be told, or the time is up."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(psycopg2.Error):
                if not stack.value(_UNNUMBERED) and not stack.value(_UNTOLD):
                    return
            self.hasten(stack)
            time.sleep(POLL_SECONDS)

    def objections(self, stack: Stack) -> list[str]:
        """Return what was not told, or not as it should have been."""
        heard = bodies(list(self._listening.sink.came))
        told = {
            json.loads(body)["number"]
            for event, versions in heard.items()
            if event in self._taken
            for body in versions
        }
        expected = {number for (number,) in stack.rows(_NUMBERS)}
        gaps = set(range(1, max(expected, default=0) + 1)) - expected
        wrong = {
            "events that the merchant never took": expected - told,
            "numbers that the merchant was told and nobody gave": told - expected,
            "numbers that are missing in the feed": gaps,
            "events whose bytes changed": {e for e, found in heard.items() if len(found) > 1},
            "events with a bad signature": self._forged,
        }
        return [
            f"{len(found)} {what}: {sorted(found)[:EXAMPLES_MAX]}"
            for what, found in wrong.items()
            if found
        ]

    def _is_signed(self, came: Came) -> bool:
        try:
            came.verified_with(self._secret)
        except WebhookVerificationError:
            return False
        return True

    def close(self) -> None:
        """Listen no more."""
        self._listening.close()
