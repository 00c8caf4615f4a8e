"""The work of the drain and latency figures: one UPDATE of one row, as a message and as a task.

The handler makes one statement for each message, because the task cannot do otherwise; our own
handlers write sets.
"""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import transaction
from redis import Redis

from core.db import rows
from outbox.handling import Completion, Done, Started

TOUCH, RING = "touch", "ring"
# Where a ring leaves the moment at which its effect had been committed.
BELLS = "bench:bells"
TABLE = """
    CREATE TABLE bench_row (id uuid PRIMARY KEY, touched int NOT NULL DEFAULT 0);
    GRANT SELECT, INSERT, UPDATE ON bench_row TO {role};
"""
_TOUCH = "UPDATE bench_row SET touched = touched + 1 WHERE id = %s"


def lane(kind: str) -> str:
    return f"{kind}:bench"


class TouchHandler:
    """Updates a row for each message. It is local, like the handler of provider events."""

    kinds = frozenset({TOUCH})

    def load(self, subjects: Sequence[UUID]) -> None:
        """Lock nothing: the task does not, either."""

    def describe(self, case: None, subject_id: UUID) -> dict[str, str]:
        return {"bench_row_id": str(subject_id)}

    def settle(
        self, case: None, answers: Sequence[tuple[Started, Any]]
    ) -> Mapping[UUID, Completion]:
        for message, _ in answers:
            rows(_TOUCH, [message.subject_id])
        return {message.id: Done("touched") for message, _ in answers}

    def record(self, case: None, answers: Sequence[tuple[Started, Any]]) -> None:
        """Do nothing: there is no answer."""

    def refold(self, case: None, messages: Sequence[Started]) -> None:
        """Do nothing: whoever holds the message now touches the row."""

    def bury(self, case: None, messages: Sequence[Started], reason: str) -> None:
        """Do nothing: a dead message fails the benchmark."""


class RingHandler(TouchHandler):
    """Says when its effect had been committed."""

    kinds = frozenset({RING})

    def settle(
        self, case: None, answers: Sequence[tuple[Started, Any]]
    ) -> Mapping[UUID, Completion]:
        ends = super().settle(case, answers)
        for message, _ in answers:
            transaction.on_commit(partial(_ring, str(message.subject_id)))
        return ends


HANDLERS = (TouchHandler(), RingHandler())


@shared_task(name="bench.touch", ignore_result=True)
def touch(row_id: str) -> None:
    """Do the same as a plain task: unsafe, for a lost job is lost."""
    rows(_TOUCH, [row_id])


@shared_task(name="bench.ring", ignore_result=True)
def ring(row_id: str) -> None:
    rows(_TOUCH, [row_id])
    _ring(row_id)


@lru_cache(maxsize=1)
def bells() -> "Redis":
    return Redis.from_url(settings.REDIS_URL, socket_timeout=30)


def _ring(row_id: str) -> None:
    # The clock is the machine's, the same in every process. It is read before anything is sent.
    bells().lpush(BELLS, f"{row_id} {time.monotonic()}")
