"""What a worker does with a job: start, ask, settle — local, foreign, local.

A job carries many messages of one lane. They are prepared in one transaction, asked about side by
side with no transaction open, and settled in groups as the answers come. Those of a handler that
asks nobody are started and settled.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from core.db import transaction
from core.kill_points import reached
from core.logging import bound, get_logger
from core.metrics import STALE_DELIVERIES
from dispatcher import endings
from dispatcher.database import TROUBLE, is_in_the_way, wait_briefly_for_locks
from dispatcher.endings import Answered
from dispatcher.routes import ROUTES, is_local
from outbox import delivery, leasing
from outbox.handling import (
    Again,
    Call,
    CallingHandler,
    Completion,
    Done,
    Handler,
    Started,
    Ticket,
)

log = get_logger(__name__)

UNKNOWN_KIND_DELAY = timedelta(seconds=5)
HELD_UP_DELAY = timedelta(seconds=1)
SETTLE_GROUP_MAX = 50
# Answers that come this close together are settled together.
GATHER_SECONDS = 0.005


@lru_cache(maxsize=1)
def _callers() -> ThreadPoolExecutor:
    """Return the threads that make calls; they never touch the database."""
    return ThreadPoolExecutor(settings.BATCH_SIZE, thread_name_prefix="call")


def run(lane: str, tickets: Sequence[Ticket], worker: str) -> None:
    """Carry out the messages of a job; those no longer startable are dropped and counted."""
    tickets = _run_what_the_lane_says(lane, tickets, worker)
    if not tickets:
        return
    by_id = {ticket.id: ticket for ticket in tickets}
    found = delivery.peek(tickets)
    _count_stale(len(tickets) - len(found), lane)
    # Kinds of one handler run together, or the calls of one would use up the leases of the next.
    groups: defaultdict[Handler, list[tuple[Ticket, UUID]]] = defaultdict(list)
    unknown: dict[Ticket, str] = {}
    for message_id, kind, subject_id in found:
        if kind in ROUTES:
            groups[ROUTES[kind]].append((by_id[message_id], subject_id))
        else:
            unknown[by_id[message_id]] = kind
    if unknown:
        # A newer release wrote them, and its workers know them.
        leasing.give_back(list(unknown), UNKNOWN_KIND_DELAY)
        kinds = sorted(set(unknown.values()))
        log.warning("message.unknown_kind", kinds=kinds, messages=len(unknown))
    for handler, mine in groups.items():
        if isinstance(handler, CallingHandler):
            Run(handler, worker, lane).go(mine)
        else:
            started = _run_locally(handler, [ticket for ticket, _ in mine], worker)
            _count_stale(len(mine) - len(started), lane)


def _run_what_the_lane_says(lane: str, tickets: Sequence[Ticket], worker: str) -> Sequence[Ticket]:
    """Carry out local work at once, and return what must be looked at first.

    A lane is nearly always named after the kind of its messages.
    """
    kind = lane.partition(":")[0]
    if not is_local(kind):
        return tickets
    started = _run_locally(ROUTES[kind], tickets, worker)
    return [ticket for ticket in tickets if ticket not in started]


def _run_locally(handler: Handler, tickets: Sequence[Ticket], worker: str) -> set[Ticket]:
    """Start and settle what is this handler's, and return what was started."""
    lease_end = _lease_end()
    started = delivery.start_locally(
        tickets, kinds=handler.kinds, worker=worker, lease=settings.RUN_LEASE
    )
    if started:
        reached("worker.after_local_start")
        endings.settle(handler, [(message, None) for message in started], lease_end)
    return {message.ticket for message in started}


def _count_stale(count: int, lane: str) -> None:
    if count:
        STALE_DELIVERIES.labels(lane.partition(":")[0]).inc(count)
        log.info("delivery.stale", lane=lane, messages=count)


Asked = tuple[Started, Call, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one transaction started, with the calls to make."""

    lease_end: float
    calls: list[Asked]


def _lease_end() -> float:
    return time.monotonic() + settings.RUN_LEASE.total_seconds()


class Run:
    """One job's messages for one handler that makes calls."""

    def __init__(self, handler: CallingHandler, worker: str, lane: str) -> None:
        self.handler, self.worker, self.lane = handler, worker, lane

    def go(self, subjects: Sequence[tuple[Ticket, Any]]) -> None:
        """Prepare, call and settle."""
        # Measured from before any lease was given, so that it ends here first.
        lease_end = _lease_end()
        prepared = self._prepare(subjects)
        for group in self._answers(prepared):
            endings.settle(self.handler, group, lease_end)

    def _prepare(self, subjects: Sequence[tuple[Ticket, Any]]) -> list[Prepared]:
        """Return what to call and what to settle; one message at a time if the group will not."""
        lease_end = _lease_end()
        try:
            return [Prepared(lease_end, self._prepared(subjects))]
        except TROUBLE as error:
            if not is_in_the_way(error):
                connection.close()
                raise  # nothing was started, and the dispatch lease brings it all back
            log.warning("job.taken_apart", lane=self.lane, error=repr(error))
        except Exception as error:  # noqa: BLE001 - each is tried alone, and recorded
            log.warning("job.taken_apart", lane=self.lane, error=repr(error))
        return self._prepare_singly(subjects)

    def _prepare_singly(self, subjects: Sequence[tuple[Ticket, Any]]) -> list[Prepared]:
        done: list[Prepared] = []
        give_up = time.monotonic() + settings.DISPATCH_LEASE.total_seconds() / 3
        for place, one in enumerate(subjects):
            try:
                if time.monotonic() > give_up:
                    # What was started waits for its call, and the rest has leases that run out.
                    # The rest is due at once, so that it comes without what is locked.
                    rest = [ticket for ticket, _ in subjects[place:]]
                    leasing.give_back(rest, timedelta(0))
                    log.warning("job.split", lane=self.lane, given_back=len(rest))
                    break
                done += self._prepare_alone(one)
            except TROUBLE as error:
                connection.close()
                # The others were not started; those that were must still be asked about.
                log.warning("job.cut_short", lane=self.lane, error=type(error).__name__)
                break
        return done

    def _prepare_alone(self, one: tuple[Ticket, Any]) -> list[Prepared]:
        lease_end = _lease_end()
        try:
            return [Prepared(lease_end, self._prepared([one]))]
        except TROUBLE as error:
            if not is_in_the_way(error):
                raise
            leasing.give_back([one[0]], HELD_UP_DELAY)
            log.warning("message.held_up", message_id=str(one[0].id), error=repr(error))
        except Exception as error:
            log.exception("message.prepare_failed", message_id=str(one[0].id))
            # Counted, or it would come back for ever.
            with transaction():
                started = self._start([one[0]])
            endings.settle(self.handler, [(message, error) for message in started], lease_end)
        return []

    def _prepared(self, subjects: Sequence[tuple[Ticket, Any]]) -> list[Asked]:
        with transaction():
            wait_briefly_for_locks()
            case = self.handler.load([subject_id for _, subject_id in subjects])
            reached("worker.before_start")
            started = self._start([ticket for ticket, _ in subjects])
            reached("worker.after_start")
            plans = self.handler.prepare(case, started)
            over: dict[Started, Completion] = {
                message: plan
                for message in started
                if isinstance(plan := plans[message.id], Done | Again)
            }
            delivery.complete({message.ticket: end for message, end in over.items()})
            reached("worker.prepare_uncommitted")
        reached("worker.after_intent")
        _count_stale(len(subjects) - len(started), self.lane)
        endings.report(self.handler, case, over)
        return [
            (message, plan, self.handler.describe(case, message.subject_id))
            for message in started
            if isinstance(plan := plans[message.id], Call)
        ]

    def _start(self, tickets: Sequence[Ticket]) -> list[Started]:
        return delivery.start(tickets, worker=self.worker, lease=settings.RUN_LEASE)

    def _answers(self, prepared: Sequence[Prepared]) -> Iterator[list[Answered]]:
        """Yield groups of answers as they come in."""
        waiting: dict[Future[Any], Started] = {
            _callers().submit(self._call, message, plan, ids, one.lease_end): message
            for one in prepared
            for message, plan, ids in one.calls
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
            answer = self.handler.call(plan.request, lease_end)
        reached("worker.after_answer")
        return answer
