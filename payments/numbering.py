"""Gives events their numbers: per merchant and mode, without a gap, and never behind one given.

Numbers are given in order of ``(xid, id)``, and only below every transaction that is still open:
ids are given in another order than that of commits, so that whoever looks for the highest passes
over a writer who is slow. Who writes an event waits for nobody; a transaction that stays open makes
numbers wait, and skips none (ADR 0021). Tables and guards are made in migration 0011.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.db import needs_transaction, rows

# About 50 ms of the dispatcher's time.
BATCH_EVENTS = 1_000
# A batch that takes longer met a database with other troubles; the next one goes on from there.
PATIENCE_MS = 5_000
# Any fixed number will do.
_LOCK = 0x6E756D62

# Transaction ids have a meaning only where they were given. A restored dump brings its events to a
# server that counts from its own beginning; there the mark begins anew, and finds what is numbered.
HERE = "(SELECT system_identifier FROM pg_control_system())"
MARK = f"SELECT epoch, xid, event_id FROM payments_numbering WHERE system_identifier = {HERE}"  # noqa: S608

NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"

ALONE = """
    SELECT set_config('statement_timeout', %s, true), pg_try_advisory_xact_lock(%s)
"""
BEGIN_ANEW_ELSEWHERE = f"""
    UPDATE payments_numbering
    SET epoch = epoch + 1, system_identifier = {HERE}, xid = '0', event_id = {NOBODY}
    WHERE system_identifier <> {HERE}
    RETURNING epoch
"""  # noqa: S608 - our own constants

# Each part looks at no more than the batch: the mark leads to it through an index, and the last
# number of each merchant and mode in it is the end of another. Who runs this without the lock
# waits for the mark's row, and then finds that it has moved.
NUMBER = f"""
    WITH mark AS ({MARK}),
    batch AS MATERIALIZED (
        SELECT e.id, e.merchant_id, e.mode, e.xid FROM payments_event e
        WHERE (e.xid, e.id) > ((SELECT xid FROM mark), (SELECT event_id FROM mark))
          AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY e.xid, e.id LIMIT %(most)s
    ), moved AS (
        UPDATE payments_numbering now
        SET (xid, event_id) = (SELECT xid, id FROM batch ORDER BY xid DESC, id DESC LIMIT 1)
        FROM mark
        WHERE (now.epoch, now.xid, now.event_id) = (mark.epoch, mark.xid, mark.event_id)
          AND EXISTS (SELECT FROM batch)
        RETURNING mark.epoch
    ), fresh AS (
        SELECT batch.*, moved.epoch FROM moved CROSS JOIN batch
        WHERE NOT EXISTS (SELECT FROM payments_eventnumber n WHERE n.event_id = batch.id)
    ), ends AS (
        SELECT merchant_id, mode, coalesce((
            SELECT n.number FROM payments_eventnumber n
            WHERE n.merchant_id = feed.merchant_id AND n.mode = feed.mode
            ORDER BY n.number DESC LIMIT 1), 0) AS number
        FROM (SELECT DISTINCT merchant_id, mode FROM fresh) AS feed
    ), given AS (
        INSERT INTO payments_eventnumber (event_id, merchant_id, mode, epoch, number)
        SELECT fresh.id, fresh.merchant_id, fresh.mode, fresh.epoch,
               ends.number + row_number() OVER (
                   PARTITION BY fresh.merchant_id, fresh.mode ORDER BY fresh.xid, fresh.id)
        FROM fresh JOIN ends USING (merchant_id, mode)
        RETURNING event_id, number
    )
    SELECT seen.count, e.id, e.merchant_id, e.mode, given.number, e.type, e.aggregatetype,
           e.aggregateid, e.version, e.payload::text, e.created_at
    FROM (SELECT count(*) FROM batch) AS seen (count)
    LEFT JOIN (given CROSS JOIN LATERAL (
        SELECT * FROM payments_event WHERE id = given.event_id OFFSET 0) AS e) ON true
    ORDER BY e.xid, e.id
"""  # noqa: S608 - our own constants


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event that has just got its number. ``payload`` is its data as JSON text."""

    id: UUID
    merchant_id: UUID
    mode: str
    number: int
    type: str
    aggregate_type: str
    aggregate_id: UUID
    version: int
    payload: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """What one look found: how many events stood next, and those that had no number yet."""

    looked_at: int
    numbered: list[Numbered]


@needs_transaction
def number(most: int = BATCH_EVENTS) -> Batch | None:
    """Number the oldest events that have none, in the caller's transaction; None if others do.

    The caller's transaction is as short as it can be: nobody else numbers until it ends.
    """
    if not rows(ALONE, [str(PATIENCE_MS), _LOCK])[0][1]:
        return None
    # Only after the lock: these statements must see the last batch.
    rows(BEGIN_ANEW_ELSEWHERE)
    found = rows(NUMBER, {"most": most})
    numbered = [Numbered(*columns) for _, *columns in found if columns[0] is not None]
    return Batch(found[0][0], numbered)
