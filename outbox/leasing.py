"""The dispatcher's side of a message: claim it, or give it back.

Claim first, publish second, write nothing after a publish: a worker then never meets a message
before its claim exists, and a dispatcher that dies anywhere leaves only a lease that runs out.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError

from core.db import rows, transaction
from core.kill_points import reached
from core.prepared import Prepared
from outbox.handling import Ticket
from outbox.poison import IS_POISON
from outbox.unhurried import UNHURRIED

# A claim that starts here meets no index entries of rows that are long gone (scan floor); the
# margin covers transactions that commit later than rows with a younger due time.
FLOOR_MARGIN = timedelta(seconds=10)

# A subquery for each lane, which the planner cannot turn into a join that reads every lane.
_DUE_LANES = Prepared(
    "due_lanes",
    """
    SELECT l.lane FROM unnest(%(lanes)s::text[], %(floors)s::timestamptz[]) AS l(lane, floor)
    WHERE (
        SELECT true FROM outbox_message m
        WHERE m.state = 0 AND m.lane = l.lane
          AND m.available_at >= l.floor AND m.available_at <= now()
        LIMIT 1)
""",
)

# A loose index scan: one probe for each lane that has a pending row, however many rows it has.
_ALL_LANES = """
    WITH RECURSIVE lanes AS (
        (SELECT lane FROM outbox_message WHERE state = 0 ORDER BY lane LIMIT 1)
        UNION ALL
        SELECT (SELECT m.lane FROM outbox_message m
                WHERE m.state = 0 AND m.lane > lanes.lane ORDER BY m.lane LIMIT 1)
        FROM lanes WHERE lanes.lane IS NOT NULL)
    SELECT lane FROM lanes WHERE lane IS NOT NULL
"""

# MATERIALIZED, or the planner may lock more rows than the limit. NO KEY UPDATE does not collide
# with foreign key checks.
_CLAIM = Prepared(
    "claim",
    f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM outbox_message
        WHERE state = 0 AND lane = %(lane)s AND NOT alone
          AND available_at >= %(floor)s AND available_at <= now()
        ORDER BY available_at, id LIMIT %(limit)s
        FOR NO KEY UPDATE SKIP LOCKED),
    numbered AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM due)
    UPDATE outbox_message m
    SET state = 1, epoch = m.epoch + 1, started_at = NULL, worker = '',
        lease_until = now() + %(lease)s::interval,
        job = (%(jobs)s::uuid[])[1 + numbered.place / %(size)s]
    FROM numbered WHERE {UNHURRIED} AND m.id = numbered.id
    RETURNING m.job, m.id, m.epoch, m.available_at, now()
""",  # noqa: S608 - our own constant
)

_CLAIM_ALONE = f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM outbox_message m
        WHERE state = 0 AND alone AND available_at <= now() AND NOT {IS_POISON}
          AND m.lane <> ALL (%(barred)s::text[])
          AND NOT EXISTS (SELECT FROM outbox_message WHERE state = 1 AND alone)
        ORDER BY array_position(%(served)s::text[], m.lane) NULLS FIRST, available_at LIMIT 1
        FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE outbox_message m
    SET state = 1, epoch = m.epoch + 1, started_at = NULL, worker = '',
        lease_until = now() + %(lease)s::interval, job = %(job)s
    FROM due WHERE {UNHURRIED} AND m.id = due.id
    RETURNING m.lane, m.id, m.epoch, m.job, now()
"""  # noqa: S608 - our own constant

_GIVE_BACK = """
    UPDATE outbox_message m
    SET state = 0, available_at = now() + %(delay)s, lease_until = NULL, job = NULL
    FROM unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS t(id, epoch)
    WHERE m.id = t.id AND m.epoch = t.epoch AND m.state = 1 AND m.started_at IS NULL
    RETURNING m.id
"""

_IN_FLIGHT = Prepared(
    "in_flight",
    """
    SELECT lane, job, alone, unstarted, claimed_at,
           coalesce(extract(epoch FROM now() - claimed_at), 0)::float8,
           coalesce(extract(epoch FROM now() - began_at), 0)::float8
    FROM (
        SELECT lane, job, bool_or(alone) AS alone, min(started_at) AS began_at,
               count(*) FILTER (WHERE started_at IS NULL) AS unstarted,
               max(lease_until) FILTER (WHERE started_at IS NULL)
                   - %(lease)s::interval AS claimed_at
        FROM outbox_message WHERE state = 1 GROUP BY lane, job) AS flight
""",
)

_EXPIRE_UNSTARTED = """
    UPDATE outbox_message SET lease_until = now()
    WHERE state = 1 AND started_at IS NULL AND lease_until > now()
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What one Celery job carries: messages of one lane."""

    lane: str
    tickets: tuple[Ticket, ...]
    id: UUID
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class Flight:
    """A job in flight. ``claimed_at`` is None once a worker has started all of it."""

    lane: str
    job: UUID
    alone: bool
    unstarted: int
    claimed_at: datetime | None
    waited_seconds: float
    running_seconds: float


def due_lanes(floors: Mapping[str, datetime]) -> list[str]:
    """Return those of the known lanes that have a due message above their floor."""
    params = {"lanes": list(floors), "floors": list(floors.values())}
    return [lane for (lane,) in rows(_DUE_LANES, params)]


def all_lanes() -> list[str]:
    """Return every lane that has a pending message, due or not."""
    return [lane for (lane,) in rows(_ALL_LANES)]


def in_flight(lease: timedelta) -> list[Flight]:
    """Return every job in flight; ``lease`` is the dispatch lease."""
    return [Flight(*row) for row in rows(_IN_FLIGHT, {"lease": lease})]


def claim(
    lane: str, *, limit: int, size: int, lease: timedelta, floor: datetime
) -> tuple[list[Job], datetime | None]:
    """Take up to ``limit`` due messages of a lane, cut into jobs of ``size``, and commit.

    Return the jobs and the youngest due time among them.
    """
    params = {
        "lane": lane,
        "limit": limit,
        "size": size,
        "lease": lease,
        "floor": floor,
        "jobs": [uuid4() for _ in range(-(-limit // size))],
    }
    claimed = rows(_CLAIM, params)
    jobs: defaultdict[UUID, list[Ticket]] = defaultdict(list)
    for job, message_id, epoch, *_ in sorted(claimed, key=lambda row: row[1]):
        jobs[job].append(Ticket(message_id, epoch))
    newest = max((due for *_, due, _ in claimed), default=None)
    return [Job(lane, tuple(mine), job, claimed[0][-1]) for job, mine in jobs.items()], newest


def claim_alone(
    lease: timedelta, *, barred: Sequence[str] = (), served: Sequence[str] = ()
) -> Job | None:
    """Take one message that must run alone, unless one is in flight already.

    None of a barred lane; and of several lanes, one that is not among the served, or stands first
    there.
    """
    params = {"lease": lease, "job": uuid4(), "barred": list(barred), "served": list(served)}
    try:
        claimed = rows(_CLAIM_ALONE, params)
    except IntegrityError:
        return None  # another dispatcher was faster; the index lets only one through
    for lane, message_id, epoch, job, claimed_at in claimed:
        return Job(lane, (Ticket(message_id, epoch),), job, claimed_at)
    return None


def any_alone() -> bool:
    """Tell whether any message waits to run alone, due or not."""
    return bool(rows("SELECT 1 FROM outbox_message WHERE state = 0 AND alone LIMIT 1"))


def give_back(tickets: Sequence[Ticket], delay: timedelta) -> int:
    """Return claimed messages that may not have reached the broker; no attempt is spent.

    One that a worker has started meanwhile stays with the worker.
    """
    params = {
        "ids": [ticket.id for ticket in tickets],
        "epochs": [ticket.epoch for ticket in tickets],
        "delay": delay,
    }
    with transaction():
        returned = rows(_GIVE_BACK, params)
        reached("dispatcher.give_back_uncommitted")
    return len(returned)


def expire_unstarted() -> int:
    """End the leases of everything that waited in a broker which has forgotten it."""
    with transaction():
        expired = rows(_EXPIRE_UNSTARTED)
        reached("dispatcher.forgot_uncommitted")
    return len(expired)
