"""The worker's side of a message: win its start, and complete it with its effects."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from core.db import needs_transaction, rows, rows_of_values
from core.prepared import Prepared
from outbox.handling import Again, Completion, Done, Started, Ticket
from outbox.unhurried import UNHURRIED

ERROR_LENGTH_MAX = 2000

_PEEK = Prepared(
    "peek",
    """
    SELECT m.id, m.kind, m.subject_id
    FROM outbox_message m
    JOIN unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS t(id, epoch) USING (id, epoch)
    WHERE m.state = 1 AND m.started_at IS NULL
    ORDER BY m.id
""",
)

_START = Prepared(
    "start",
    """
    UPDATE outbox_message m
    SET started_at = now(), worker = %(worker)s, starts = m.starts + 1,
        lease_until = now() + %(lease)s::interval
    FROM unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS t(id, epoch)
    WHERE m.id = t.id AND m.epoch = t.epoch AND m.state = 1 AND m.started_at IS NULL
    RETURNING m.id, m.epoch, m.kind, m.lane, m.subject_id, m.starts, m.failures,
              m.max_attempts, m.trace
""",
)
_START_LOCALLY = Prepared(
    "start_locally", _START.replace("WHERE", f"WHERE {UNHURRIED} AND m.kind = ANY(%(kinds)s) AND")
)

_OURS = Prepared(
    "ours",
    """
    SELECT m.id FROM outbox_message m
    JOIN unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS t(id, epoch) USING (id, epoch)
    WHERE m.state IN (0, 1)
    ORDER BY m.id FOR NO KEY UPDATE OF m
""",
)

_DONE = Prepared(
    "done",
    """
    UPDATE outbox_message m
    SET state = 8, finished_at = now(), lease_until = NULL, job = NULL
    FROM unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS t(id, epoch)
    WHERE m.id = t.id AND m.epoch = t.epoch AND m.state IN (0, 1)
    RETURNING m.id
""",
)

# A settle whose commit went through but whose reply was lost is written again: a message that
# waits already, and was not swept, has been counted.
_AGAIN = """
    UPDATE outbox_message m
    SET state = 0, available_at = now() + v.delay, lease_until = NULL, job = NULL,
        alone = false, lapses = 0, last_error = v.error,
        failures = m.failures + CASE WHEN m.state = 1 OR m.lapses > 0 THEN v.spent ELSE 0 END,
        lane = coalesce(nullif(v.lane, ''), m.lane)
    FROM (VALUES %s) AS v(id, epoch, delay, spent, error, lane)
    WHERE m.id = v.id AND m.epoch = v.epoch AND m.state IN (0, 1)
    RETURNING m.id
"""

_DEAD = """
    UPDATE outbox_message m
    SET state = 9, finished_at = now(), lease_until = NULL, job = NULL,
        failures = m.failures + 1, last_error = v.error
    FROM (VALUES %s) AS v(id, epoch, error)
    WHERE m.id = v.id AND m.epoch = v.epoch AND m.state IN (0, 1)
    RETURNING m.id
"""


class FenceRejected(RuntimeError):
    """A message changed hands between our look at its row and our write to it."""


def _arrays(tickets: Sequence[Ticket]) -> dict[str, object]:
    return {
        "ids": [ticket.id for ticket in tickets],
        "epochs": [ticket.epoch for ticket in tickets],
    }


def peek(tickets: Sequence[Ticket]) -> list[tuple[UUID, str, UUID]]:
    """Return id, kind and subject of those messages that could still be started; locks nothing."""
    return rows(_PEEK, _arrays(tickets))


@needs_transaction
def start(tickets: Sequence[Ticket], *, worker: str, lease: timedelta) -> list[Started]:
    """Win the start of each message that is in flight, of this epoch, and not started.

    The others are stale deliveries: lost copies, resurrected ones, or another worker's.
    """
    params = {**_arrays(tickets), "worker": worker, "lease": lease}
    return [Started(*row) for row in rows(_START, params)]


def start_locally(
    tickets: Sequence[Ticket], *, kinds: Collection[str], worker: str, lease: timedelta
) -> list[Started]:
    """Win starts of these kinds as ``start`` does, and commit: nobody outside will hear of them."""
    params = {**_arrays(tickets), "kinds": list(kinds), "worker": worker, "lease": lease}
    return [Started(*row) for row in rows(_START_LOCALLY, params)]


@needs_transaction
def lock_ours(tickets: Sequence[Ticket]) -> set[UUID]:
    """Lock the messages that are still ours, in id order, and return their ids.

    Sweeping alone does not raise the epoch, so a late worker whose message was returned but not
    claimed again may still finish it.
    """
    return {message_id for (message_id,) in rows(_OURS, _arrays(tickets))}


@needs_transaction
def complete(ends: Mapping[Ticket, Completion]) -> None:
    """Write what became of messages that ``lock_ours`` has locked.

    :raises FenceRejected: if one of them is not ours after all
    """
    done = [ticket for ticket, end in ends.items() if isinstance(end, Done)]
    again = [
        (
            ticket.id,
            ticket.epoch,
            end.delay,
            int(end.spends),
            end.error[:ERROR_LENGTH_MAX],
            end.lane,
        )
        for ticket, end in ends.items()
        if isinstance(end, Again)
    ]
    written = len(rows(_DONE, _arrays(done))) if done else 0
    written += len(rows_of_values(_AGAIN, "(%s::uuid, %s, %s::interval, %s, %s, %s)", again))
    if written != len(ends):
        message = f"{len(ends) - written} of {len(ends)} messages are held by a later epoch"
        raise FenceRejected(message)


@needs_transaction
def end_dead(errors: Mapping[Ticket, str]) -> None:
    """Make messages dead whose attempts are used up.

    :raises FenceRejected: if one of them is not ours after all
    """
    values = [(t.id, t.epoch, error[:ERROR_LENGTH_MAX]) for t, error in errors.items()]
    if len(rows_of_values(_DEAD, "(%s::uuid, %s, %s)", values)) != len(errors):
        message = "a dying message is held by a later epoch"
        raise FenceRejected(message)
