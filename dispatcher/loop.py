"""The dispatcher: claim what is due, hand it over, wait. Safe to run in several processes."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from core.heartbeat import beat
from core.kill_points import reached
from core.logging import get_logger
from dispatcher import shares
from dispatcher.housekeeping import Housekeeping
from dispatcher.publishing import Breaker, BrokerAway, Publisher
from dispatcher.window import Window
from outbox import leasing
from outbox.leasing import FLOOR_MARGIN, Job

log = get_logger(__name__)

IDLE_SECONDS_MIN = 0.01
IDLE_SECONDS_MAX = 0.2
DATABASE_PAUSE_SECONDS = 0.5
# How often a poll looks below the floor, for rows whose transaction took long to commit.
FULL_POLL_SECONDS = 2.0
NO_FLOOR = datetime(1970, 1, 1, tzinfo=UTC)
# Lanes that are remembered between full polls, each endpoint has one; the rest is found by those.
# Hints come from outside this process, so that there have to be bounds.
LANES_MAX = 1000


class Loop:
    """One dispatcher."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.breaker = Breaker()
        self.housekeeping = Housekeeping(publisher)
        self._floors: dict[str, datetime] = {}
        self._next_full_poll = 0.0
        self._idle = IDLE_SECONDS_MIN
        self._hinted: list[str] = []
        self._window = Window()
        self._alone_first = True
        # Lanes by their last job, and by their last lone message, the latest last.
        self._served: list[str] = []
        self._served_alone: list[str] = []
        self._stopping = Event()

    def run(self, stopping: Event) -> None:
        """Dispatch until told to stop."""
        self._stopping = stopping
        while not stopping.is_set():
            try:
                self.tick()
                beat()
            except (OperationalError, InterfaceError) as error:
                detail = str(error).partition("\n")[0]
                log.warning(
                    "dispatcher.database_trouble", error=type(error).__name__, detail=detail
                )
                connection.close()
                stopping.wait(DATABASE_PAUSE_SECONDS)
        self.publisher.close()

    def tick(self) -> None:
        """Do what is due once, then wait for more."""
        self.housekeeping.run_if_due()
        if self._stopping.is_set():
            return  # every step may wait for a frozen broker, so none is begun in vain
        self._probe_if_due()
        if self.breaker.is_open:
            self._stopping.wait(IDLE_SECONDS_MIN * 5)
            return
        was_hinted = bool(self._hinted)
        jobs = self._claim()
        if jobs:
            self._hand_over(jobs)
            self._idle = IDLE_SECONDS_MIN
        elif not was_hinted:
            self._wait()

    def _probe_if_due(self) -> None:
        if not self.breaker.wants_probe():
            return
        if self.publisher.is_there():
            self.breaker.allow_one()
            log.info("breaker.tries")
        else:
            self.breaker.trip()

    def _wait(self) -> None:
        hint = self.publisher.next_hint(self._idle * random.uniform(0.8, 1.2))  # noqa: S311
        if hint is None:
            self._idle = min(self._idle * 2, IDLE_SECONDS_MAX)
            return
        if len(self._floors) < LANES_MAX:
            self._floors.setdefault(hint, NO_FLOOR)
        self._hinted = [hint]
        self._idle = IDLE_SECONDS_MIN

    def _claim(self) -> list[Job]:
        # A hint says where work is. The next time every lane is looked at, whatever is hinted then.
        hinted, self._hinted = self._hinted, []
        lanes = hinted or self._due_lanes()
        has_work = bool(lanes) or self.housekeeping.has_alone
        # After a burst the look is taken at leisure, so that the next one need not wait for it.
        # What another dispatcher has handed over meanwhile is seen right after.
        if not (self._window.is_empty and (hinted or not has_work)):
            self._window.look(leasing.in_flight(settings.DISPATCH_LEASE))
        if not has_work:
            return []
        # By turns, or one kind could keep the other from a slow lane's only slot for ever.
        self._alone_first = not self._alone_first
        steps: list[Callable[[], list[Job]]] = [self._claim_alone, partial(self._claim_due, lanes)]
        jobs: list[Job] = []
        for step in steps if self._alone_first else reversed(steps):
            if not (jobs and self.breaker.is_trying):
                jobs += step()
        return jobs

    def _claim_alone(self) -> list[Job]:
        if not self.housekeeping.has_alone:
            return []
        # One at a time, so the next must follow the last without a pause.
        self._idle = IDLE_SECONDS_MIN
        job = leasing.claim_alone(
            settings.DISPATCH_LEASE,
            barred=self._window.full_slow_lanes(),
            served=self._served_alone,
        )
        if job is None:
            return []
        reached("dispatcher.after_lone_claim")
        self._served_alone = _with_last(self._served_alone, job.lane)
        self._window.book(job, alone=True)
        return [job]

    def _claim_due(self, lanes: list[str]) -> list[Job]:
        room, jobs_left = self._window.room()
        if self.breaker.is_trying:
            jobs_left = min(jobs_left, 1)
        jobs: list[Job] = []
        for lane in self._in_turn(lanes):
            free_jobs = min(self._window.free_jobs(lane), jobs_left)
            limit = min(free_jobs * settings.BATCH_SIZE, room)
            if limit <= 0:
                self._idle = IDLE_SECONDS_MIN  # there is work, only no room yet
                continue
            reached("dispatcher.before_claim")
            claimed, newest = leasing.claim(
                lane,
                limit=limit,
                size=settings.BATCH_SIZE,
                lease=settings.DISPATCH_LEASE,
                floor=self._floors.get(lane, NO_FLOOR),
            )
            reached("dispatcher.after_claim")
            if newest is not None:
                self._floors[lane] = newest - FLOOR_MARGIN
            room -= sum(len(job.tickets) for job in claimed)
            jobs_left -= len(claimed)
            jobs += claimed
            for job in claimed:
                self._window.book(job)
                self._served = _with_last(self._served, lane)
        return jobs

    def _in_turn(self, lanes: list[str]) -> list[str]:
        """Put first who waited longest: slow lanes share what only one of them may have."""
        places = {lane: place for place, lane in enumerate(self._served)}
        owners = {shares.owner(lane): place for lane, place in places.items()}
        shuffled = random.sample(lanes, len(lanes))
        return sorted(
            shuffled,
            key=lambda lane: (owners.get(shares.owner(lane), -1), places.get(lane, -1)),
        )

    def _due_lanes(self) -> list[str]:
        if time.monotonic() < self._next_full_poll:
            return leasing.due_lanes(self._floors)
        self._next_full_poll = time.monotonic() + FULL_POLL_SECONDS
        found = dict.fromkeys(leasing.all_lanes(), NO_FLOOR)
        self._floors = found if len(self._floors) > LANES_MAX else self._floors | found
        return leasing.due_lanes(self._floors)

    def _hand_over(self, jobs: list[Job]) -> None:
        try:
            self.publisher.publish(jobs)
        except BrokerAway as error:
            # Trouble of the broker is not the messages': they go back untouched.
            seconds = self.breaker.trip()
            reached("dispatcher.before_give_back")
            self._window.give_back(jobs)
            tickets = [ticket for job in jobs for ticket in job.tickets]
            returned = leasing.give_back(tickets, timedelta(seconds=seconds))
            reached("dispatcher.after_give_back")
            log.warning("publish.failed", error=str(error), messages=returned, retry_in=seconds)
        else:
            if self.breaker.is_trying:
                log.info("breaker.closed")
            self.breaker.close()
            for job in jobs:
                log.debug("job.published", lane=job.lane, messages=len(job.tickets))


def _with_last(lanes: list[str], last: str) -> list[str]:
    return [*(lane for lane in lanes if lane != last), last][-LANES_MAX:]
