"""One question, asked again and again: ``python -m tests.bench.asking claim PENDING CLAIMED``.

For each line that comes in, the question is asked once, and the milliseconds that it took go out.
"""

import sys
from collections.abc import Callable
from datetime import timedelta
from time import perf_counter

import django

django.setup()

from django.conf import settings  # noqa: E402

from core.db import rows, transaction  # noqa: E402
from dispatcher.loop import NO_FLOOR  # noqa: E402
from outbox import leasing  # noqa: E402

LANE = "charge:mock_success"
LEASE = timedelta(minutes=10)
_PENDING = """
    INSERT INTO outbox_message
        (id, kind, version, lane, subject_id, state, epoch, alone, worker, starts, failures, lost,
         max_attempts, last_error, trace)
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
            || '7' || lpad(to_hex(n %% 4096), 3, '0')
            || '8' || substr(md5(gen_random_uuid()::text), 1, 15))::uuid,
           'charge', 1, %(lane)s, gen_random_uuid(), 0, 0, false, '', 0, 0, 0, 25, '',
           gen_random_uuid()::text
    FROM generate_series(1, %(count)s) AS n
"""
_DONE = """
    UPDATE outbox_message SET state = 8, finished_at = now(), lease_until = NULL, job = NULL
    WHERE id = ANY(%s)
"""


class Claims:
    """Claims some of what is pending; then those are done, and as many new ones pending."""

    def __init__(self, pending: int, claimed: int) -> None:
        self.claimed = claimed
        self._add(pending)

    def _add(self, count: int) -> None:
        with transaction():
            rows(_PENDING, {"lane": LANE, "count": count})

    def ask(self) -> float:
        """Return how long one claim took."""
        began = perf_counter()
        # Without a floor: a claim that has to find the beginning of what is pending.
        jobs, _ = leasing.claim(
            LANE, limit=self.claimed, size=settings.BATCH_SIZE, lease=LEASE, floor=NO_FLOOR
        )
        seconds = perf_counter() - began
        claimed = [ticket.id for job in jobs for ticket in job.tickets]
        assert len(claimed) == self.claimed, f"{len(claimed)} messages were claimed"
        with transaction():
            rows(_DONE, [claimed])
        self._add(self.claimed)
        return seconds


def main() -> None:
    question, *numbers = sys.argv[1:]
    questions: dict[str, Callable[..., Claims]] = {"claim": Claims}
    asked = questions[question](*map(int, numbers))
    for _ in sys.stdin:
        sys.stdout.write(f"{asked.ask() * 1000}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
