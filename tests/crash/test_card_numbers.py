"""Two hundred card numbers through every door, and then a search of everything that is kept.

Each number is used in one place only, so that one which is found names the door it came in by.
"""

import json
import os
import random
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from hmac import new as hmac
from http import HTTPStatus
from uuid import uuid4

import pytest
import redis
import requests

from config.stack.postgres import find_binaries
from tests import servers
from tests.crash.merchants import DEMO_KEY
from tests.crash.stack import Stack

pytestmark = pytest.mark.usefixtures("django_db_setup")

SECRET = "a secret of the crash tests"
EACH = 8
PREFIXES = ("4111", "4539", "5425", "2223", "3782", "6011", "3530", "6200")


def _card(chance: random.Random) -> str:
    """Make a number that no other test uses, with a right check digit."""
    prefix = chance.choice(PREFIXES)
    length = 15 if prefix.startswith("37") else 16
    body = prefix + "".join(chance.choices("0123456789", k=length - len(prefix) - 1))
    doubled = [int(digit) * 2 if place % 2 == 0 else int(digit)
               for place, digit in enumerate(reversed(body))]  # fmt: skip
    return body + str(-sum(sum(divmod(one, 10)) for one in doubled) % 10)


def _grouped(card: str) -> str:
    return " ".join(card[place : place + 4] for place in range(0, len(card), 4))


@dataclass(slots=True)
class Doors:
    """Everything that takes a text from outside."""

    stack: Stack
    payment: str
    used: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.stack.port}"

    def _post(self, path: str, body: object, **headers: str) -> int:
        known = {"X-API-KEY": DEMO_KEY, "Idempotency-Key": str(uuid4())}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": "application/json", **known, **named}
        return requests.post(self.base + path, content, headers=sent, timeout=5).status_code

    def _pay(self, **more: object) -> int:
        body = {"amount": 1000, "currency": "INR", "gateway": "mock", **more}
        return self._post("/api/payments/", body)

    def _get(self, path: str, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"X-API-KEY": DEMO_KEY, **named}
        return requests.get(self.base + path, headers=sent, timeout=5).status_code

    def _tell(self, **more: object) -> int:
        event = {"id": str(uuid4()), "type": "charge.failed", "reference": self.payment,
                 "provider_id": "ch_1", "amount": 1000, "currency": "INR", **more}  # fmt: skip
        body = json.dumps(event)
        at = int(time.time())
        mac = hmac(SECRET.encode(), f"{at}.{body}".encode(), sha256).hexdigest()
        signature = f"t={at},v1={mac}"
        return self._post("/api/webhooks/mock/", body.encode(), X_Webhook_Signature=signature)

    def _log_in(self, name: str) -> int:
        session = requests.Session()
        page = session.get(f"{self.base}/admin/login/", timeout=5)
        form = {"username": name, "password": "wrong", "csrfmiddlewaretoken":
                page.cookies.get("csrftoken", "")}  # fmt: skip
        return session.post(f"{self.base}/admin/login/", form, timeout=5).status_code

    def _hold(self, reason: str) -> int:
        """Hold a payment's message that waits, which writes the reason into the audit log."""
        assert self._pay(payment_method="tok_unavailable") == HTTPStatus.CREATED
        waiting = "SELECT id::text, epoch FROM outbox_message WHERE state = 0 AND starts > 0"
        ((message, epoch), *_) = self.stack.until(
            "a message", partial(self.stack.rows, waiting), 20
        )
        done = self.stack.manage("hold_message", message, "--epoch", str(epoch),
                                 "--reason", f"the payer wrote {reason}")  # fmt: skip
        return done.returncode

    def all(self) -> dict[str, Callable[[str], int]]:
        """Return what takes a text, by name."""
        refund = f"/api/payments/{self.payment}/refund/"
        return {
            "reference": lambda text: self._pay(reference=text),
            "description": lambda text: self._pay(description=f"for {text}, thanks"),
            "payment_method": lambda text: self._pay(payment_method=text),
            "return_url": lambda text: self._pay(return_url=f"https://a.example/?c={text}"),
            "metadata value": lambda text: self._pay(metadata={"note": text}),
            "metadata name": lambda text: self._pay(metadata={text[:40]: "x"}),
            "unknown field": lambda text: self._pay(card_number=text),
            "gateway": lambda text: self._pay(gateway=text),
            "currency": lambda text: self._pay(currency=text),
            "a number": lambda text: self._pay(amount=int(text.replace(" ", ""))),
            "broken JSON": lambda text: self._post("/api/payments/", f'{{"a": "{text}'.encode()),
            "refund reason": lambda text: self._post(refund, {"amount": 1, "reason": text}),
            "idempotency key": lambda text: self._post(refund, {"amount": 1}, Idempotency_Key=text),
            "request id": lambda text: self._get("/api/payments/", X_Request_Id=text),
            "API key": lambda text: self._get("/api/payments/", X_API_KEY=f"mk_test_{text}"),
            "any header": lambda text: self._get("/api/payments/", User_Agent=text),
            "query": lambda text: self._get(f"/api/payments/?cursor={text}"),
            "path": lambda text: self._get(f"/api/payments/{text}/"),
            "event reference": lambda text: self._tell(reference=text),
            "event's provider id": lambda text: self._tell(provider_id=text),
            "event id": lambda text: self._tell(id=text),
            "event message": lambda text: self._tell(message=f"card {text} declined"),
            "event code": lambda text: self._tell(code=text),
            "log-in": self._log_in,
            "operator's reason": self._hold,
        }

    def try_all(self, chance: random.Random) -> None:
        """Put card numbers through each of them, half of them in groups of four."""
        for name, door in self.all().items():
            for turn in range(EACH if name != "operator's reason" else 1):
                card = _card(chance)
                self.used[card] = name
                status = door(_grouped(card) if turn % 2 else card)
                assert status < 500, f"{name} answered {status}\n{self.stack.logs()}"


@dataclass(slots=True)
class Wiretap:
    """Everything that anybody says to the broker."""

    url: str
    heard: list[str] = field(default_factory=list)

    def listen(self) -> redis.Redis:
        """Begin, and return the connection whose end ends it."""
        client = redis.Redis.from_url(self.url)
        monitor = client.monitor()
        monitor.__enter__()
        threading.Thread(target=self._write, args=[monitor], daemon=True).start()
        return client

    def _write(self, monitor) -> None:
        with suppress(redis.RedisError, OSError, ValueError, AttributeError):
            for command in monitor.listen():
                self.heard.append(str(command))


def _kept(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Yield everything that is written down, by what it is."""
    url = stack.databases.url(stack.database, owner=True)
    command = [str(find_binaries() / "pg_dump"), "--data-only", "--inserts", url]
    yield "dump", subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    folders = [stack.folder]
    if servers.DATABASES.server_pid:
        with closing(servers.connect(stack.databases.admin_url)) as admin:
            admin.autocommit = True
            with admin.cursor() as cursor:
                cursor.execute("CHECKPOINT")
        folders.append(servers.FOLDER)
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            # What providers hold is theirs: the mock's books and the simulator's.
            if path.is_file() and ".sqlite3" not in path.name:
                with suppress(FileNotFoundError):
                    yield os.fspath(path.relative_to(folder)), path.read_bytes()


def _long_numbers(content: bytes) -> set[str]:
    """Return every row of 15 or 16 digits, whether or not there are spaces between them."""
    found = set()
    for run in re.findall(rb"\d(?: ?\d){14,}", content):
        digits = run.replace(b" ", b"").decode()
        found |= {digits[at : at + length] for length in (15, 16)
                  for at in range(len(digits) - length + 1)}  # fmt: skip
    return found


def test_no_card_number_is_kept_anywhere_whatever_door_it_came_in_by(begin):
    stack = begin("web", "dispatcher", "worker")
    tap = Wiretap(stack.broker.url)
    client = tap.listen()
    canary = f"canary-{uuid4()}"
    headers = {"X-API-KEY": DEMO_KEY, "Idempotency-Key": canary, "X-Request-Id": canary}
    body = {"amount": 1000, "currency": "INR", "gateway": "mock_success", "reference": canary}
    payment = requests.post(f"http://127.0.0.1:{stack.port}/api/payments/", json=body,
                            headers=headers, timeout=5).json()["id"]  # fmt: skip
    doors = Doors(stack, payment)

    doors.try_all(random.Random(20))
    # Neither what is over nor what is held.
    waiting = "SELECT 1 FROM outbox_message WHERE state IN (0, 1) AND available_at <= now()"
    stack.until("the rest to be done", lambda: not stack.rows(waiting), 60)

    kept = dict(_kept(stack))
    kept["wire to the broker"] = "\n".join(tap.heard).encode()
    client.close()
    found = {
        (place, doors.used[card])
        for place, content in kept.items()
        for card in _long_numbers(content) & doors.used.keys()
    }
    assert not found
    assert len(doors.used) > 190
    # What was allowed is found by the same search.
    assert canary.encode() in kept["dump"]
    assert canary.encode() in kept["web.log"]
    assert b"charge:mock" in kept["wire to the broker"]
    assert any(canary.encode() in text for name, text in kept.items() if name.startswith("pg"))
