"""How much may be handed over: judged by what workers start and by which lanes are slow.

The broker is a queue, so a job that still waits while a younger one was started is lost, or in the
hands of one worker; what comes after it does not wait for it. Only waits that nobody has overtaken
tell how long the queue is.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings

from dispatcher import shares
from outbox.leasing import Flight, Job

# Jobs that may wait for each slot: enough to keep workers busy, few enough that their wait stays
# far below the dispatch lease.
JOBS_WAITING_PER_SLOT = 4
# Jobs of one quick lane in flight for each slot: one runs, and while the dispatcher looks again two
# can end. So neither a lost job nor a dead worker stops the lane; below what may wait in all, so
# that one lane leaves room for the others.
QUICK_JOBS_PER_SLOT = 3
# A lane is slow for a while after one of its jobs took this long.
SLOW_JOB_SECONDS = 1.0
SLOW_LANE_SECONDS = 60.0


class Window:
    """What one dispatcher has seen of the flight, and what it allows."""

    def __init__(self) -> None:
        self._flights: Sequence[Flight] = ()
        # Lane of each job in flight, and whether it is a lone message.
        self._jobs: list[tuple[str, bool]] = []
        # When each waiting job was handed over, and when its lease ends by our own clock.
        self._waiting: dict[UUID, tuple[datetime, float]] = {}
        self._overtaken = datetime(1970, 1, 1, tzinfo=UTC)
        self._slow_until: dict[str, float] = {}

    def look(self, flights: Sequence[Flight]) -> None:
        """Take in what is in flight now."""
        now = time.monotonic()
        lease = settings.DISPATCH_LEASE.total_seconds()
        waiting = {
            f.job: (f.claimed_at, now + lease - f.waited_seconds)
            for f in flights
            if f.claimed_at is not None
        }
        for job, (claimed_at, lease_end) in self._waiting.items():
            if job not in waiting and now < lease_end:
                self._overtaken = max(self._overtaken, claimed_at)  # it was started
        for flight in flights:
            if flight.running_seconds > SLOW_JOB_SECONDS and not flight.alone:
                self._slow_until[flight.lane] = now + SLOW_LANE_SECONDS
        self._waiting, self._flights = waiting, flights
        self._jobs = [(flight.lane, flight.alone) for flight in flights]

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was in flight at the last look, and nothing was claimed since."""
        return not self._jobs

    def book(self, job: Job, *, alone: bool = False) -> None:
        """Count a job that was claimed since the last look."""
        lease_end = time.monotonic() + settings.DISPATCH_LEASE.total_seconds()
        self._waiting[job.id] = (job.claimed_at, lease_end)
        self._jobs.append((job.lane, alone))

    def give_back(self, jobs: Sequence[Job]) -> None:
        """Forget jobs that the broker did not take: nobody starts them."""
        for job in jobs:
            self._waiting.pop(job.id, None)

    def room(self) -> tuple[int, int]:
        """Return how many more messages, and jobs, may wait without their leases lapsing."""
        slots, size = _slots(), settings.BATCH_SIZE
        queued = [
            f for f in self._flights if f.claimed_at is not None and f.claimed_at >= self._overtaken
        ]
        patience = settings.DISPATCH_LEASE.total_seconds() / 3
        is_late = [f.waited_seconds > patience for f in queued]
        if any(is_late):
            # Lost, or nobody starts anything: one job at a time may show which.
            return (size, 1) if all(is_late) else (0, 0)
        messages = JOBS_WAITING_PER_SLOT * slots * size - sum(f.unstarted for f in queued)
        return max(0, messages), JOBS_WAITING_PER_SLOT * slots

    def free_jobs(self, lane: str) -> int:
        """Return how many more jobs this lane may have in flight.

        Slow lanes together never take the last slot, for one provider has several lanes. What
        merchants are sent has shares of its own (``dispatcher.shares``). A lone
        message beside a quick lane's jobs is not counted, so that one that freezes its worker stops
        no other of its lane.
        """
        if shares.is_delivery(lane):
            return shares.free_jobs(lane, [of for of, _ in self._jobs], _slots())
        if self._is_slow(lane):
            slow = [of for of, _ in self._jobs if self._is_slow(of)]
            # Merchants who let us wait may take slots from providers, but not the first one.
            deliveries = sum(shares.is_delivery(of) for of in slow)
            return max(1, _slots() - 1 - deliveries) - (len(slow) - deliveries)
        mine = sum(of == lane and not alone for of, alone in self._jobs)
        return QUICK_JOBS_PER_SLOT * _slots() - mine

    def full_slow_lanes(self) -> list[str]:
        """Return the slow lanes that may not have another job, not even a lone one."""
        return [
            lane for lane in self._slow_until if self._is_slow(lane) and self.free_jobs(lane) <= 0
        ]

    def _is_slow(self, lane: str) -> bool:
        return self._slow_until.get(lane, 0.0) > time.monotonic()


def _slots() -> int:
    """Return how many jobs all workers together run at once."""
    return settings.WORKER_COUNT * settings.WORKER_SLOTS
