"""What recovers a message, whoever dropped it: one lease, one sweeper, no leader.

Every condition stands inside the statement that writes, so two sweepers, or a sweeper beside a
worker that is just committing, cannot both act on a row. ``outbox.poison`` is the rule by which
messages that keep killing their workers are found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from core.db import needs_transaction, rows, transaction
from core.kill_points import reached
from outbox.handling import Started
from outbox.poison import CRASH_LOOP, IS_POISON, LAPSES_BEFORE_ALONE, LONE_LAPSES_MAX

SWEEP_LIMIT = 500
PRUNE_LIMIT = 1000

# MATERIALIZED here and below, or the planner may take more rows than the limit.
_RETURN_LOST = """
    WITH lost AS MATERIALIZED (
        SELECT id FROM outbox_message
        WHERE state = 1 AND started_at IS NULL AND lease_until < now()
        ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE outbox_message m
    SET state = 0, lost = m.lost + 1, lease_until = NULL, job = NULL, available_at = now()
    FROM lost
    WHERE m.id = lost.id AND m.state = 1 AND m.started_at IS NULL AND m.lease_until < now()
    RETURNING m.id
"""

# A lone lapse waits for a run lease, so that the verdict knows every lapse around it.
_RETURN_LAPSED = f"""
    WITH gone AS MATERIALIZED (
        SELECT id, alone, started_at, lease_until FROM outbox_message
        WHERE state = 1 AND started_at IS NOT NULL AND lease_until < now()
        ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED),
    back AS (
        UPDATE outbox_message m
        SET state = 0, lapses = m.lapses + 1,
            alone = m.alone OR m.lapses + 1 >= {LAPSES_BEFORE_ALONE},
            lease_until = NULL, job = NULL,
            available_at = now() + CASE WHEN gone.alone THEN %(lease)s ELSE interval '0' END,
            last_error = 'its worker died, froze or was too slow'
        FROM gone
        WHERE m.id = gone.id AND m.state = 1 AND m.started_at IS NOT NULL AND m.lease_until < now()
        RETURNING m.id, m.epoch, m.worker, gone.alone, gone.started_at, gone.lease_until)
    INSERT INTO outbox_lapse (id, message_id, epoch, worker, alone, started_at, lease_until)
    SELECT gen_random_uuid(), id, epoch, worker, alone, started_at, lease_until FROM back
    RETURNING message_id
"""  # noqa: S608 - our own constant

_CONVICTED = f"""
    SELECT m.id, m.subject_id, m.kind FROM outbox_message m
    WHERE m.state = 0 AND m.alone AND m.available_at <= now() AND {IS_POISON}
    LIMIT %(limit)s
"""  # noqa: S608 - our own constant

_BURY = """
    UPDATE outbox_message
    SET state = 9, epoch = epoch + 1, finished_at = now(), last_error = %(reason)s
    WHERE id = ANY(%(ids)s) AND state = 0 AND alone AND starts >= %(max)s
      AND available_at <= now()
    RETURNING id, epoch, kind, lane, subject_id, starts, failures, max_attempts, trace
"""

_PRUNE = """
    WITH old AS MATERIALIZED (
        SELECT id FROM outbox_message
        WHERE id < %(before)s AND state = 8 AND finished_at < now() - %(kept)s
        ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
    DELETE FROM outbox_message WHERE id IN (SELECT id FROM old)
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many messages one sweep returned."""

    lost: int
    lapsed: int


def sweep(run_lease: timedelta) -> Swept:
    """Return every message whose lease ran out; being lost in transport spends no attempt."""
    with transaction():
        lost = rows(_RETURN_LOST, {"limit": SWEEP_LIMIT})
        if lost:
            reached("sweeper.lost_uncommitted")
    if lost:
        reached("sweeper.after_lost")
    with transaction():
        lapsed = rows(_RETURN_LAPSED, {"limit": SWEEP_LIMIT, "lease": run_lease})
        if lapsed:
            reached("sweeper.lapsed_uncommitted")
    if lapsed:
        reached("sweeper.after_lapsed")
    return Swept(len(lost), len(lapsed))


def convicted() -> list[tuple[UUID, UUID, str]]:
    """Return id, subject and kind of the messages that keep killing their workers."""
    return rows(_CONVICTED, {"limit": SWEEP_LIMIT})


@needs_transaction
def bury(ids: Sequence[UUID]) -> list[Started]:
    """Make convicted messages dead; return those that still were as ``convicted`` saw them."""
    params = {"ids": list(ids), "reason": CRASH_LOOP, "max": LONE_LAPSES_MAX}
    return [Started(*row) for row in rows(_BURY, params)]


def prune(before: UUID, kept: timedelta) -> int:
    """Delete a batch of done messages older than ``kept``; ``before`` bounds their ids."""
    with transaction():
        pruned = rows(_PRUNE, {"before": before, "kept": kept, "limit": PRUNE_LIMIT})
        if pruned:
            reached("sweeper.prune_uncommitted")
    if pruned:
        reached("sweeper.after_prune")
    return len(pruned)
