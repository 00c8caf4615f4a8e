"""One thing at a time on an idle system: ``python -m tests.bench.ringing COUNT GAP``.

In turn a message, a plain task and a payment, with a pause after each, and JSON with the
milliseconds that each took. A message's time begins when its commit has returned and a task's
before it is sent; both end in the worker, when the effect has been committed. A payment's time
begins before the request and ends when a reader sees SUCCESS.
"""

import http.client
import json
import random
import sys
from collections import deque
from collections.abc import Callable
from time import monotonic, sleep
from uuid import UUID, uuid4

from django.conf import settings

from config.celery import app
from core.db import rows, transaction
from outbox.staging import stage
from outbox.waking import wake
from tests.bench import touching
from tests.bench.posting import KEY, body

PATIENCE_SECONDS = 15.0
POLL_SECONDS = 0.001
_STATUS = "SELECT status FROM payments_payment WHERE id = %s"
_INSIDE = """
    SELECT extract(epoch FROM s.at - p.created_at)::float8 * 1000
    FROM payments_payment p JOIN payments_statuschange s ON s.payment_id = p.id
    WHERE p.id = %s AND s.after = 'SUCCESS'
"""


class Ringing:
    """Sends one thing, waits until it is done, and tells how long that took."""

    def __init__(self) -> None:
        untouched = rows("SELECT id FROM bench_row WHERE touched = 0 LIMIT 500")
        self._rows = deque(row_id for (row_id,) in untouched)
        self._web = http.client.HTTPConnection("127.0.0.1", settings.PORT, timeout=10)
        self.inside: list[float] = []

    def message(self) -> float:
        """Commit a message as a request does, and hint."""
        row_id, lane = self._rows.popleft(), touching.lane(touching.RING)
        with transaction():
            stage(kind=touching.RING, lane=lane, subject_id=row_id)
        began = monotonic()
        wake(lane)
        return self._heard(row_id) - began

    def task(self) -> float:
        """Send a plain task."""
        row_id = self._rows.popleft()
        began = monotonic()
        touching.ring.delay(str(row_id))
        return self._heard(row_id) - began

    def _heard(self, row_id: UUID) -> float:
        """Return the moment at which the work on this row had been committed."""
        bell = touching.bells().blpop([touching.BELLS], timeout=PATIENCE_SECONDS)
        assert bell, "nothing rang"
        what = bell[1]
        assert isinstance(what, bytes)
        rung, _, moment = what.decode().partition(" ")
        assert rung == str(row_id), "another row rang"
        return float(moment)

    def payment(self) -> float:
        """Create a payment and wait until it is SUCCESS."""
        key = str(uuid4())
        headers = {"X-API-KEY": KEY, "Idempotency-Key": key}
        headers["Content-Type"] = "application/json"
        began = monotonic()
        self._web.request("POST", "/api/payments/", body(key), headers)
        answer = self._web.getresponse()
        made = json.loads(answer.read())
        assert answer.status == http.client.CREATED, made
        while rows(_STATUS, [made["id"]]) != [("SUCCESS",)]:
            assert monotonic() < began + PATIENCE_SECONDS, "the payment is not settled"
            sleep(POLL_SECONDS)
        end = monotonic()
        self.inside.append(float(rows(_INSIDE, [made["id"]])[0][0]))
        return end - began


def main() -> None:
    count, gap = int(sys.argv[1]), float(sys.argv[2])
    app.set_current()
    ringing = Ringing()
    contenders: dict[str, Callable[[], float]] = {
        "message": ringing.message,
        "task": ringing.task,
        "payment": ringing.payment,
    }
    for contender in contenders.values():
        contender()  # opens the connections of this process
    ringing.inside.clear()
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(count):
        for name, contender in contenders.items():
            # Of no fixed length, or a poll of the dispatcher could keep in step with it.
            sleep(gap * random.uniform(0.7, 1.3))
            found[name].append(contender() * 1000)
    sys.stdout.write(json.dumps({**found, "inside": ringing.inside}))


if __name__ == "__main__":
    main()
