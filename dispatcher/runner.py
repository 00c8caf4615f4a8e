"""What a worker does with a job: start, ask, settle — local, foreign, local.

A job carries many messages of one lane. They are prepared in one transaction, asked about side by
side with no transaction open, and settled in groups as the answers come.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from core.db import transaction
from core.logging import bound, get_logger
from core.metrics import STALE_DELIVERIES
from dispatcher import endings
from dispatcher.endings import Answered
from dispatcher.routes import ROUTES
from outbox import delivery, leasing
from outbox.handling import Again, Call, Completion, Done, Handler, Local, Started, Ticket

log = get_logger(__name__)

UNKNOWN_KIND_DELAY = timedelta(seconds=5)
SETTLE_GROUP_MAX = 50
# Answers that come this close together are settled together.
GATHER_SECONDS = 0.005


@lru_cache(maxsize=1)
def _callers() -> ThreadPoolExecutor:
    """Return the threads that make calls; they never touch the database."""
    return ThreadPoolExecutor(settings.BATCH_SIZE, thread_name_prefix="call")


def run(lane: str, tickets: Sequence[Ticket], worker: str) -> None:
    """Carry out the messages of a job; those no longer startable are dropped and counted."""
    by_id = {ticket.id: ticket for ticket in tickets}
    found = delivery.peek(tickets)
    _count_stale(len(tickets) - len(found), lane)
    by_kind: defaultdict[str, list[tuple[Ticket, Any]]] = defaultdict(list)
    for message_id, kind, subject_id in found:
        by_kind[kind].append((by_id[message_id], subject_id))
    for kind, mine in by_kind.items():
        if kind in ROUTES:
            Run(ROUTES[kind], worker, lane).go(mine)
        else:
            # A newer release wrote it, and its workers know it.
            leasing.give_back([ticket for ticket, _ in mine], UNKNOWN_KIND_DELAY)
            log.warning("message.unknown_kind", kind=kind, messages=len(mine))


def _count_stale(count: int, lane: str) -> None:
    if count:
        STALE_DELIVERIES.labels(lane.partition(":")[0]).inc(count)
        log.info("delivery.stale", lane=lane, messages=count)


class Run:
    """One job's messages of one kind."""

    def __init__(self, handler: Handler, worker: str, lane: str) -> None:
        self.handler, self.worker, self.lane = handler, worker, lane

    def go(self, subjects: Sequence[tuple[Ticket, Any]]) -> None:
        """Prepare, call and settle."""
        # Measured from before the lease was given, so that it ends here first.
        lease_end = time.monotonic() + settings.RUN_LEASE.total_seconds()
        for calls, local in self._prepare(subjects):
            for start in range(0, len(local), SETTLE_GROUP_MAX):
                endings.settle(self.handler, local[start : start + SETTLE_GROUP_MAX], lease_end)
            for group in self._answers(calls, lease_end):
                endings.settle(self.handler, group, lease_end)

    def _prepare(
        self, subjects: Sequence[tuple[Ticket, Any]]
    ) -> Iterator[tuple[list[tuple[Started, Call, dict[str, str]]], list[Answered]]]:
        """Yield what to call and what to settle; one message at a time if the group will not."""
        try:
            yield self._prepared(subjects)
        except (OperationalError, InterfaceError):
            connection.close()
            raise  # nothing was started, and the dispatch lease brings it all back
        except Exception as error:
            if len(subjects) > 1:
                log.warning("job.taken_apart", lane=self.lane, error=repr(error))
                for one in subjects:
                    yield from self._prepare([one])
            else:
                log.exception("message.prepare_failed", message_id=str(subjects[0][0].id))
                self._start_and_fail(subjects[0], error)

    def _prepared(
        self, subjects: Sequence[tuple[Ticket, Any]]
    ) -> tuple[list[tuple[Started, Call, dict[str, str]]], list[Answered]]:
        with transaction():
            case = self.handler.load([subject_id for _, subject_id in subjects])
            started = self._start([ticket for ticket, _ in subjects])
            plans = self.handler.prepare(case, started)
            over: dict[Started, Completion] = {
                message: plan
                for message in started
                if isinstance(plan := plans[message.id], Done | Again)
            }
            delivery.complete({message.ticket: end for message, end in over.items()})
        _count_stale(len(subjects) - len(started), self.lane)
        endings.report(self.handler, case, over)
        calls, local = [], []
        for message in started:
            plan = plans[message.id]
            if isinstance(plan, Call):
                ids = self.handler.describe(case, message.subject_id)
                calls.append((message, plan, ids))
            elif isinstance(plan, Local):
                local.append((message, None))
        return calls, local

    def _start(self, tickets: Sequence[Ticket]) -> list[Started]:
        return delivery.start(tickets, worker=self.worker, lease=settings.RUN_LEASE)

    def _start_and_fail(self, subject: tuple[Ticket, Any], error: Exception) -> None:
        """Count a message that cannot even be prepared, or it would come back for ever."""
        ticket, subject_id = subject
        with transaction():
            case = self.handler.load([subject_id])
            for message in self._start([ticket]):
                endings.fail(self.handler, case, message, error)

    def _answers(
        self, calls: Sequence[tuple[Started, Call, dict[str, str]]], lease_end: float
    ) -> Iterator[list[Answered]]:
        """Yield groups of answers as they come in."""
        waiting: dict[Future[Any], Started] = {
            _callers().submit(self._call, message, plan, ids, lease_end): message
            for message, plan, ids in calls
        }
        while waiting:
            wait(waiting, return_when=FIRST_COMPLETED)
            done, _ = wait(waiting, timeout=GATHER_SECONDS)
            answered: list[Answered] = []
            for future in done:
                message = waiting.pop(future)
                answered.append((message, future.exception() or future.result()))
            for start in range(0, len(answered), SETTLE_GROUP_MAX):
                yield answered[start : start + SETTLE_GROUP_MAX]

    def _call(self, message: Started, plan: Call, ids: dict[str, str], lease_end: float) -> Any:
        with bound(request_id=message.trace, message_id=str(message.id), **ids):
            return self.handler.call(plan.request, lease_end)
