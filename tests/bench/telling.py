"""`python -m tests.bench.telling`: how fast merchants are told, by one worker.

First a thousand events that wait for one endpoint; then payments one after the other, and how
long it took from the change to the first try.
"""

import json
import multiprocessing
import statistics
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from config.stack.ports import free_port
from config.stack.speech import show
from tests.bench.ground import BenchStack, ground

EVENTS = 1_000
SINGLE = 200
PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 120
KEY = "test_api_key"
_MAKE = """
    INSERT INTO payments_event (id, merchant_id, mode, aggregatetype, aggregateid, type, version,
                                payload, created_at)
    SELECT gen_random_uuid(), p.merchant_id, p.mode, 'payment', p.id, 'payment.measured', 1,
           '{"amount": 1000, "currency": "INR", "status": "SUCCESS"}', now()
    FROM (SELECT id, merchant_id, mode FROM payments_payment LIMIT 1) AS p,
         generate_series(1, %s)
"""
_OPEN = "SELECT 1 FROM webhooks_delivery WHERE status = 'pending' LIMIT 1"
_DONE = "SELECT count(*) FROM webhooks_delivery WHERE status = 'succeeded'"
_LATENCY = """
    SELECT extract(epoch FROM min(a.intended_at) - e.created_at)::float8
    FROM payments_event e JOIN webhooks_delivery d ON d.event_id = e.id
    JOIN webhooks_deliveryattempt a ON a.delivery_id = d.id
    WHERE e.created_at > %s AND e.type <> 'payment.measured' GROUP BY e.id, e.created_at
"""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def _listen(port: int) -> None:
    _Server(("127.0.0.1", port), _Handler).serve_forever()


def main() -> int:
    """Measure, and print."""
    port = free_port()
    receiver = multiprocessing.Process(target=_listen, args=(port,), daemon=True)
    receiver.start()
    try:
        with (
            ground(quick=True) as where,
            where.stack(
                "web", "dispatcher", "worker", WEBHOOK_TEST_HOSTS=f"127.0.0.1:{port}"
            ) as stack,
        ):
            _measure(stack, f"http://127.0.0.1:{port}/")
    finally:
        receiver.terminate()
        receiver.join()
    return 0


def _measure(stack: BenchStack, url: str) -> None:
    _post(stack, "/api/payments/", {"amount": 1000, "currency": "INR"})
    _post(stack, "/api/webhook-endpoints/", {"url": url})
    _settle(stack, 0)
    known = int(stack.value(_DONE))
    began = time.monotonic()
    stack.rows(_MAKE, EVENTS)
    _settle(stack, known + EVENTS)
    seconds = time.monotonic() - began
    show(f"{EVENTS} events to one endpoint: {seconds:.2f} s, from their commit to the last 2xx")
    since = stack.value("SELECT now()")
    for _ in range(SINGLE):
        _post(stack, "/api/payments/", {"amount": 1000, "currency": "INR"})
        time.sleep(PAUSE_SECONDS)
    _settle(stack, 0)
    waits = sorted(wait for (wait,) in stack.rows(_LATENCY, since))
    p99 = waits[int(len(waits) * 0.99)]
    show(
        f"{len(waits)} events of {SINGLE} payments, from the change to the first try:"
        f" p50 {statistics.median(waits):.3f} s, p99 {p99:.3f} s, longest {waits[-1]:.3f} s"
    )


def _settle(stack: BenchStack, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    time.sleep(0.0 if count else 3.0)
    with stack.watching() as ask:
        while ask(_OPEN) or int(ask(_DONE)[0][0]) < count:
            assert time.monotonic() < deadline, stack.logs()
            time.sleep(0.02)


def _post(stack: BenchStack, path: str, body: dict[str, Any]) -> None:
    answer = requests.post(
        f"http://127.0.0.1:{stack.port}{path}",
        data=json.dumps(body),
        headers={
            "X-API-KEY": KEY,
            "Idempotency-Key": str(uuid4()),
            "Content-Type": "application/json",
        },
        timeout=10,
    )
    assert answer.ok, answer.text


if __name__ == "__main__":
    Path(".local").mkdir(exist_ok=True)
    sys.exit(main())
