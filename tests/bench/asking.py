"""One question, asked again and again of one database.

``python -m tests.bench.asking claim PENDING CLAIMED`` or ``… balance MERCHANT MODE``. For each line
that comes in, the question is asked once, and the milliseconds that it took go out.
"""

import sys
from collections.abc import Callable
from datetime import timedelta
from time import perf_counter
from typing import Protocol
from uuid import UUID

import django

django.setup()

from django.conf import settings  # noqa: E402

from core.db import rows, transaction  # noqa: E402
from dispatcher.loop import NO_FLOOR  # noqa: E402
from ledger import books  # noqa: E402
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


class Question(Protocol):
    def ask(self) -> float:
        """Return how many seconds the answer took."""
        ...


class Claims:
    """Claims some of what is pending; then those are done, and as many new ones pending."""

    def __init__(self, pending: str, claimed: str) -> None:
        self.claimed = int(claimed)
        self._add(int(pending))

    def _add(self, count: int) -> None:
        with transaction():
            rows(_PENDING, {"lane": LANE, "count": count})

    def ask(self) -> float:
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


class Balances:
    """Reads a merchant's balances."""

    def __init__(self, merchant_id: str, mode: str) -> None:
        self._merchant_id, self._mode = UUID(merchant_id), mode

    def ask(self) -> float:
        began = perf_counter()
        found = books.balances(self._merchant_id, self._mode)
        seconds = perf_counter() - began
        (balance,) = found
        assert balance.available > 0
        return seconds


QUESTIONS: dict[str, Callable[[str, str], Question]] = {"claim": Claims, "balance": Balances}


def main() -> None:
    name, *arguments = sys.argv[1:]
    question = QUESTIONS[name](*arguments)
    for _ in sys.stdin:
        sys.stdout.write(f"{question.ask() * 1000}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
