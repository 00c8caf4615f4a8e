"""Balances as snapshot and tail: what was summed up to a transaction id, and what came after.

Blocks of transactions are added to the snapshots in order of ``xid``, the oldest first, and only
below every transaction that is still open: ids are given in another order than that of commits,
so that a higher mark would pass over a writer who is slow. Writers wait for nobody, and nobody for
them. A reader sees snapshots and mark of one moment, so its sums are exact at any time, also if
nothing was ever rolled up (ADR 0012). Tables and guards are made in migration 0004.
"""

from uuid import UUID

from core import db
from core.db import needs_transaction, transaction
from core.kill_points import reached

# About 50 ms of the dispatcher's time.
BLOCK_TRANSACTIONS = 5_000
# A block that takes longer met a database with other troubles; what reads does not need it.
PATIENCE_MS = 5_000
# Any fixed number will do.
_LOCK = 0x726F6C6C

# Transaction ids have a meaning only where they were given. A restored dump brings its rows to
# a server that counts from its own beginning, and what is written there is not above their mark.
HERE = "(SELECT system_identifier FROM pg_control_system())"
ROLLED = f"SELECT epoch, upto FROM ledger_rollup WHERE system_identifier = {HERE}"  # noqa: S608

# The second bound excludes nothing: with one alone, whose value it cannot know, PostgreSQL expects
# a third of all rows and might read the whole table.
ABOVE = "xid > coalesce((SELECT upto FROM rolled), '0') AND {}.xid <= '18446744073709551615'"
TAIL = "t." + ABOVE.format("t")
HEADERS_ABOVE = "h." + ABOVE.format("h")

# Splice this behind ``mine (id, label)``, the accounts in question: ``parts`` has what they were
# debited and credited.
PARTS = f"""
    rolled AS ({ROLLED}),
    parts AS (
        SELECT mine.label, s.layer, s.reversal, s.debits, s.credits
        FROM mine JOIN ledger_snapshot s ON s.account_id = mine.id JOIN rolled USING (epoch)
        UNION ALL
        SELECT mine.label, t.layer, t.reversal, t.amount, 0
        FROM mine JOIN ledger_transfer t ON t.debit_account_id = mine.id AND {TAIL}
        UNION ALL
        SELECT mine.label, t.layer, t.reversal, 0, t.amount
        FROM mine JOIN ledger_transfer t ON t.credit_account_id = mine.id AND {TAIL}
    )
"""  # noqa: S608 - our own constants

# A reversal takes back what was pending on the account's other side; it is not a pending leg of
# its own.
BALANCES = f"""
    WITH mine AS (
        SELECT id, currency AS label FROM ledger_account
        WHERE code = 'merchant_payable' AND owner = %s AND mode = %s
    ), {PARTS}
    SELECT label,
           coalesce(sum(credits) FILTER (WHERE layer = 'pending' AND NOT reversal), 0)
               - coalesce(sum(debits) FILTER (WHERE reversal), 0),
           coalesce(sum(credits) FILTER (WHERE layer = 'posted' OR reversal), 0)
               - coalesce(sum(debits) FILTER (WHERE NOT reversal), 0)
    FROM parts GROUP BY label ORDER BY label
"""  # noqa: S608 - our own constants

NET_DEBIT = f"""
    WITH mine AS (SELECT %s::uuid AS id, NULL AS label), {PARTS}
    SELECT coalesce(sum(debits - credits), 0) FROM parts WHERE layer = %s
"""  # noqa: S608 - our own constants

# OFFSET 0 keeps the look-ups one by one, through the index. Joined freely, few headers that are
# expected to be many would be met by reading all transfers. Of two statements at once the
# second waits for the first's mark, and then finds that it has moved.
ADD_BLOCK = f"""
    WITH rolled AS ({ROLLED}),
    block AS MATERIALIZED (
        SELECT h.id, h.xid FROM ledger_transaction h
        WHERE h.xid > (SELECT upto FROM rolled)
          AND h.xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY h.xid FETCH FIRST %(most)s ROWS WITH TIES
    ), moved AS (
        UPDATE ledger_rollup SET upto = (SELECT max(xid) FROM block)
        FROM rolled
        WHERE ledger_rollup.epoch = rolled.epoch AND ledger_rollup.upto = rolled.upto
          AND EXISTS (SELECT FROM block)
        RETURNING rolled.epoch
    ), added AS (
        INSERT INTO ledger_snapshot AS s (account_id, layer, reversal, epoch, debits, credits)
        SELECT side.account_id, t.layer, t.reversal, moved.epoch, sum(side.debit), sum(side.credit)
        FROM moved CROSS JOIN block
        CROSS JOIN LATERAL (
            SELECT * FROM ledger_transfer WHERE transaction_id = block.id OFFSET 0
        ) AS t
        CROSS JOIN LATERAL (
            VALUES (t.debit_account_id, t.amount, 0), (t.credit_account_id, 0, t.amount)
        ) AS side (account_id, debit, credit)
        GROUP BY side.account_id, t.layer, t.reversal, moved.epoch
        ON CONFLICT (account_id, layer, reversal) DO UPDATE SET
            epoch = EXCLUDED.epoch,
            debits = EXCLUDED.debits + CASE s.epoch WHEN EXCLUDED.epoch THEN s.debits ELSE 0 END,
            credits = EXCLUDED.credits + CASE s.epoch WHEN EXCLUDED.epoch THEN s.credits ELSE 0 END
    )
    SELECT count(*) FROM block WHERE EXISTS (SELECT FROM moved)
"""  # noqa: S608 - our own constants

_ALONE = """
    SELECT set_config('statement_timeout', %s, true), pg_try_advisory_xact_lock(%s)
"""
_BEGIN_ANEW = f"""
    UPDATE ledger_rollup SET epoch = epoch + 1, upto = '0', system_identifier = {HERE}
"""  # noqa: S608 - our own constants
_BEGIN_ANEW_ELSEWHERE = f"{_BEGIN_ANEW} WHERE system_identifier <> {HERE} RETURNING epoch"


def balances(merchant_id: UUID, mode: str) -> list[tuple[str, int, int]]:
    """Return pending and available of a merchant, by currency."""
    found = db.rows(BALANCES, [str(merchant_id), mode])
    return [(currency, int(pending), int(available)) for currency, pending, available in found]


def net_debit(account_id: UUID, layer: str) -> int:
    """Return debits less credits of an account in one layer."""
    return int(db.rows(NET_DEBIT, [account_id, layer])[0][0])


def add_block(most: int = BLOCK_TRANSACTIONS) -> int | None:
    """Add the oldest transactions that no snapshot has; return how many, None if others are at it.

    Transactions with the same ``xid`` stay together, so they may be a few more than ``most``.
    """
    if db.connection().vendor != "postgresql":
        return 0
    with transaction():
        if not _is_alone():
            return None
        # Only after the lock: this statement must see the last block.
        db.rows(_BEGIN_ANEW_ELSEWHERE)
        added = int(db.rows(ADD_BLOCK, {"most": most})[0][0])
        if added:
            reached("rollup.uncommitted")
    if added:
        reached("rollup.after_commit")
    return added


@needs_transaction
def _is_alone() -> bool:
    return bool(db.rows(_ALONE, [str(PATIENCE_MS), _LOCK])[0][1])


def begin_anew() -> None:
    """Forget all snapshots at once; until others are made, balances are summed from the books."""
    with transaction():
        db.rows(_BEGIN_ANEW)
