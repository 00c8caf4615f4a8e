"""The dispatcher: claim what is due, hand it over, wait. Safe to run in several processes."""

import random
import time
from datetime import UTC, datetime, timedelta
from threading import Event

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from core.logging import get_logger
from dispatcher.housekeeping import Housekeeping
from dispatcher.publishing import Breaker, BrokerAway, Publisher
from outbox import leasing
from outbox.leasing import FLOOR_MARGIN, Job

log = get_logger(__name__)

IDLE_SECONDS_MIN = 0.01
IDLE_SECONDS_MAX = 0.2
DATABASE_PAUSE_SECONDS = 0.5
# How often a poll looks below the floor, for rows whose transaction took long to commit.
FULL_POLL_SECONDS = 2.0
NO_FLOOR = datetime(1970, 1, 1, tzinfo=UTC)
# Jobs a lane may have waiting for each slot: enough to keep workers busy, few enough that their
# wait stays far below the dispatch lease.
JOBS_WAITING_PER_SLOT = 4


class Loop:
    """One dispatcher."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.breaker = Breaker()
        self.housekeeping = Housekeeping(publisher)
        self._floors: dict[str, datetime] = {}
        self._next_full_poll = 0.0
        self._idle = IDLE_SECONDS_MIN

    def run(self, stopping: Event) -> None:
        """Dispatch until told to stop."""
        while not stopping.is_set():
            try:
                self.tick()
            except (DatabaseError, InterfaceError) as error:
                log.warning("dispatcher.database_trouble", error=type(error).__name__)
                connection.close()
                stopping.wait(DATABASE_PAUSE_SECONDS)
        self.publisher.close()

    def tick(self) -> None:
        """Do what is due once, then wait for more."""
        self.housekeeping.run_if_due()
        if self.breaker.wants_probe():
            if self.publisher.is_there():
                self.breaker.close()
                log.info("breaker.closed")
            else:
                self.breaker.trip()
        if self.breaker.is_open:
            time.sleep(IDLE_SECONDS_MIN * 5)
            return
        jobs = self._claim_alone() + self._claim_due()
        if jobs:
            self._hand_over(jobs)
            self._idle = IDLE_SECONDS_MIN
        else:
            self._wait()

    def _wait(self) -> None:
        hint = self.publisher.next_hint(self._idle * random.uniform(0.8, 1.2))  # noqa: S311
        if hint is None:
            self._idle = min(self._idle * 2, IDLE_SECONDS_MAX)
        else:
            self._floors.setdefault(hint, NO_FLOOR)
            self._idle = IDLE_SECONDS_MIN

    def _claim_alone(self) -> list[Job]:
        if not self.housekeeping.has_alone:
            return []
        # One at a time, so the next must follow the last without a pause.
        self._idle = IDLE_SECONDS_MIN
        job = leasing.claim_alone(settings.DISPATCH_LEASE)
        return [job] if job else []

    def _claim_due(self) -> list[Job]:
        lanes = self._due_lanes()
        if not lanes:
            return []
        loads = leasing.in_flight(settings.DISPATCH_LEASE)
        room = self._room(loads)
        jobs: list[Job] = []
        for lane in random.sample(lanes, len(lanes)):
            free_jobs = self._lane_cap() - (loads[lane].jobs if lane in loads else 0)
            limit = min(free_jobs * settings.BATCH_SIZE, room)
            if limit <= 0:
                self._idle = IDLE_SECONDS_MIN  # there is work, only no room yet
                continue
            claimed, newest = leasing.claim(
                lane,
                limit=limit,
                size=settings.BATCH_SIZE,
                lease=settings.DISPATCH_LEASE,
                floor=self._floors.get(lane, NO_FLOOR),
            )
            if newest is not None:
                self._floors[lane] = newest - FLOOR_MARGIN
            room -= sum(len(job.tickets) for job in claimed)
            jobs += claimed
        return jobs

    def _due_lanes(self) -> list[str]:
        if time.monotonic() < self._next_full_poll:
            return leasing.due_lanes(self._floors)
        self._next_full_poll = time.monotonic() + FULL_POLL_SECONDS
        self._floors |= dict.fromkeys(leasing.all_lanes(), NO_FLOOR)
        return leasing.due_lanes(self._floors)

    @staticmethod
    def _lane_cap() -> int:
        # A slow provider never takes the last slot.
        return max(1, settings.WORKER_SLOTS - 1)

    @staticmethod
    def _room(loads: dict[str, leasing.LaneLoad]) -> int:
        """Return how many more messages may wait in the broker without their leases lapsing."""
        longest = max((load.longest_wait_seconds for load in loads.values()), default=0.0)
        if longest > settings.DISPATCH_LEASE.total_seconds() / 3:
            return 0
        waiting = sum(load.unstarted for load in loads.values())
        return JOBS_WAITING_PER_SLOT * settings.WORKER_SLOTS * settings.BATCH_SIZE - waiting

    def _hand_over(self, jobs: list[Job]) -> None:
        try:
            self.publisher.publish(jobs)
        except BrokerAway as error:
            # Trouble of the broker is not the messages': they go back untouched.
            seconds = self.breaker.trip()
            tickets = [ticket for job in jobs for ticket in job.tickets]
            returned = leasing.give_back(tickets, timedelta(seconds=seconds))
            log.warning("publish.failed", error=str(error), messages=returned, retry_in=seconds)
        else:
            for job in jobs:
                log.debug("job.published", lane=job.lane, messages=len(job.tickets))
