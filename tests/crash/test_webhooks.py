"""Merchants are told of everything, whoever dies and whoever lets us wait."""

import json
import threading
import time
from collections import defaultdict
from contextlib import suppress
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.crash.merchants import DEMO_KEY, Merchants
from tests.webhooks.sinks import Sink, a_sink

pytestmark = pytest.mark.usefixtures("django_db_setup")

OTHER_KEY = "sk_test_of_another_merchant"
# A real one: endpoints are waited for up to fifteen seconds.
LEASES = {"RUN_LEASE_SECONDS": "20"}
_ALL_TOLD = """
    SELECT 1 WHERE NOT EXISTS (SELECT FROM webhooks_delivery WHERE status <> 'succeeded')
    AND NOT EXISTS (
        SELECT FROM payments_event e
        WHERE NOT EXISTS (SELECT FROM webhooks_delivery d WHERE d.event_id = e.id))
"""


def another_merchant(stack) -> None:
    merchant = stack.value(
        "INSERT INTO core_merchant (id, name, status, default_gateway)"
        " VALUES (gen_random_uuid(), 'Other', 'active', 'mock_success') RETURNING id::text"
    )
    stack.rows(
        "INSERT INTO core_apikey (id, merchant_id, mode, name, secret_sha256, last_four, scopes)"
        " VALUES (gen_random_uuid(), %s, 'test', '', %s, 'hant', '[\"*\"]')",
        merchant,
        sha256(OTHER_KEY.encode()).hexdigest(),
    )


def post(stack, path: str, body, key: str = DEMO_KEY) -> dict[str, Any]:
    answer = requests.post(
        f"http://127.0.0.1:{stack.port}{path}",
        json=body,
        headers={"X-API-KEY": key, "Idempotency-Key": str(uuid4())},
        timeout=10,
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def endpoint(stack, sink: Sink, key: str = DEMO_KEY) -> str:
    return str(post(stack, "/api/webhook-endpoints/", {"url": sink.url}, key)["secret"])


def numbers(sink: Sink) -> set[int]:
    return {json.loads(came.body)["number"] for came in list(sink.came)}


def successes(sink: Sink) -> set[str]:
    """Return the ids of the payments that it was told have succeeded."""
    told = [json.loads(came.body) for came in list(sink.came)]
    return {one["object"]["id"] for one in told if one["type"] == "payment.succeeded"}


def test_an_endpoint_that_hangs_delays_no_other_merchant(begin):
    hanging, released = threading.Semaphore(0), threading.Event()

    def hang(_handler) -> None:
        hanging.release()
        released.wait(40)

    with a_sink(answer=hang) as slow, a_sink() as other:
        hosts = f"{slow.host},{other.host}"
        stack = begin("web", "dispatcher", "worker", WEBHOOK_TEST_HOSTS=hosts, **LEASES)
        another_merchant(stack)
        for _ in range(3):
            endpoint(stack, slow)
        secret = endpoint(stack, other, OTHER_KEY)
        merchants = Merchants(stack)
        merchants.pay_all({} for _ in range(60))
        hanging.acquire(timeout=10)

        for count in range(1, 6):
            before = time.monotonic()
            post(stack, "/api/payments/", {"amount": 1000, "currency": "INR"}, OTHER_KEY)
            stack.until("its event", lambda count=count: len(successes(other)) == count, 12)
            assert time.monotonic() - before < 12  # they hang for longer than that
        released.set()

    for came in other.came:
        came.verified_with(secret)


class Moody:
    """Answers some events late the first time, and others with 500."""

    def __init__(self) -> None:
        self._tries: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def answer(self, handler) -> None:
        with self._lock:
            self._tries[handler.headers["webhook-id"]] += 1
            nth, count = self._tries[handler.headers["webhook-id"]], len(self._tries)
        if nth == 1 and count % 3 == 0:
            time.sleep(0.5)
        with suppress(OSError):
            handler.send_response(500 if nth == 1 and count % 4 == 0 else 204)
            handler.send_header("Content-Length", "0")
            handler.end_headers()


def test_every_event_is_told_through_kills_errors_and_slow_answers(begin):
    with a_sink(answer=Moody().answer) as sink:
        stack = begin("web", "dispatcher", "worker", WEBHOOK_TEST_HOSTS=sink.host)
        secret = endpoint(stack, sink)
        merchants = Merchants(stack)
        with merchants.paying({} for _ in range(40)):
            for name in ("worker", "dispatcher", "worker"):
                time.sleep(0.7)
                stack.kill(name)
                stack.start(name)
        stack.until("everything to be told", lambda: stack.rows(_ALL_TOLD), 60)

    bodies: defaultdict[str, set[bytes]] = defaultdict(set)
    for came in sink.came:
        came.verified_with(secret)
        bodies[came.headers["webhook-id"]].add(came.body)
    assert all(len(same) == 1 for same in bodies.values())
    count = stack.value("SELECT count(*) FROM payments_event")
    assert numbers(sink) == set(range(1, count + 1))
    assert len(sink.came) > count
    done = stack.manage("verify")
    assert done.returncode == 0, done.stdout
