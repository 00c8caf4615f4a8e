"""What must always be true of the books; `manage.py verify` asks each of these."""

from core.guards import rights_as_listed
from core.invariants import Invariant
from ledger.accounts import CHART
from ledger.grants import GRANTS, OPERATOR_GRANTS
from ledger.rollup import ROLLED

CHART_ROWS = ", ".join(
    f"('{code}', {str(line.is_debit_normal).lower()})" for code, line in CHART.items()
)

# name, table, bits of pg_trigger.tgtype (row 1, before 2, insert 4, delete 8, update 16,
# truncate 32), function
_GUARDS = [
    (f"{table}_{suffix}", table, bits, f"{function}()")
    for table in ("ledger_account", "ledger_transaction", "ledger_transfer")
    for suffix, bits, function in (
        ("keeps_rows", 1 + 2 + 8 + 16, "ledger_refuse_change"),
        ("keeps_all_rows", 2 + 32, "ledger_refuse_change"),
        ("stamps_xid", 1 + 2 + 4, "ledger_stamp_xid"),
    )
    if (table, suffix) != ("ledger_account", "stamps_xid")
] + [
    ("ledger_rollup_goes_forward", "ledger_rollup", 1 + 2 + 16, "ledger_guard_rollup()"),
    ("ledger_snapshot_only_grows", "ledger_snapshot", 1 + 2 + 16, "ledger_guard_snapshot()"),
]
GUARD_ROWS = ", ".join(str(guard) for guard in _GUARDS)

# The shape of a transfer cannot be unbalanced, so these sums find what was done to the rows or to
# the keys behind our back: an end without an account, an account in another currency.
SUMS = [
    Invariant(
        "ledger-transactions-balance",
        "within a transaction, layer, mode and currency the entries sum to zero",
        """
        SELECT transaction_id, layer, mode, currency, sum(amount) FROM ledger_entries
        GROUP BY transaction_id, layer, mode, currency HAVING sum(amount) <> 0
        """,
    ),
    Invariant(
        "ledger-trial-balance",
        "per currency, mode and layer total debits equal total credits",
        """
        SELECT currency, mode, layer, sum(amount) FILTER (WHERE side = 'debit') AS debits,
               -sum(amount) FILTER (WHERE side = 'credit') AS credits
        FROM ledger_entries GROUP BY currency, mode, layer HAVING sum(amount) <> 0
        """,
    ),
    Invariant(
        "ledger-accounting-equation",
        "per currency, mode and layer assets and expenses equal liabilities, equity and income",
        f"""
        SELECT currency, mode, layer,
               sum(amount) FILTER (WHERE chart.is_debit_normal) AS assets_and_expenses,
               -sum(amount) FILTER (WHERE NOT chart.is_debit_normal) AS everything_else
        FROM ledger_entries
        LEFT JOIN (VALUES {CHART_ROWS}) AS chart (code, is_debit_normal) USING (code)
        GROUP BY currency, mode, layer
        HAVING coalesce(sum(amount) FILTER (WHERE chart.is_debit_normal), 0)
            <> -coalesce(sum(amount) FILTER (WHERE NOT chart.is_debit_normal), 0)
        """,  # noqa: S608 - our own constants
    ),
]

RESOLUTIONS = [
    Invariant(
        "ledger-pending-resolved-once",
        "a pending transaction is resolved by at most one other",
        """
        SELECT resolves_id, count(*) FROM ledger_transaction
        WHERE resolves_id IS NOT NULL GROUP BY resolves_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        "ledger-resolution-mirrors-pending",
        "a resolution takes back exactly the pending legs of what it resolves; nothing else does",
        """
        WITH owed AS (
            SELECT r.id, t.credit_account_id AS debit, t.debit_account_id AS credit, t.amount
            FROM ledger_transaction r JOIN ledger_transfer t ON t.transaction_id = r.resolves_id
            WHERE t.layer = 'pending' AND NOT t.reversal
        ), written AS (
            SELECT transaction_id AS id, debit_account_id AS debit, credit_account_id AS credit,
                   amount
            FROM ledger_transfer WHERE reversal
        )
        (TABLE owed EXCEPT ALL TABLE written) UNION ALL (TABLE written EXCEPT ALL TABLE owed)
        """,
    ),
    Invariant(
        "ledger-resolution-resolves-something",
        "what a transaction resolves has pending legs, and its own pending legs are all reversals",
        """
        SELECT r.id FROM ledger_transaction r
        WHERE r.resolves_id IS NOT NULL AND (
            NOT EXISTS (SELECT 1 FROM ledger_transfer t WHERE t.transaction_id = r.resolves_id
                        AND t.layer = 'pending' AND NOT t.reversal)
            OR EXISTS (SELECT 1 FROM ledger_transfer t WHERE t.transaction_id = r.id
                       AND t.layer = 'pending' AND NOT t.reversal))
        """,
    ),
    Invariant(
        "ledger-resolution-same-merchant",
        "a transaction resolves only what was booked for its own merchant and mode",
        """
        SELECT r.id FROM ledger_transaction r JOIN ledger_transaction p ON p.id = r.resolves_id
        WHERE (r.merchant_id, r.mode) <> (p.merchant_id, p.mode)
        """,
    ),
]

SHAPE = [
    Invariant(
        "ledger-transfers-have-headers",
        "every transfer belongs to a transaction of its own mode",
        """
        SELECT t.id FROM ledger_transfer t
        LEFT JOIN ledger_transaction h ON h.id = t.transaction_id AND h.mode = t.mode
        WHERE h.id IS NULL
        """,
    ),
    Invariant(
        "ledger-headers-have-transfers",
        "every transaction has a transfer",
        """
        SELECT h.id FROM ledger_transaction h
        WHERE NOT EXISTS (SELECT 1 FROM ledger_transfer t WHERE t.transaction_id = h.id)
        """,
    ),
    Invariant(
        "ledger-transfers-written-with-headers",
        "a transfer was written by the database transaction that wrote its header",
        """
        SELECT t.id, t.xid, h.xid AS header_xid FROM ledger_transfer t
        JOIN ledger_transaction h ON h.id = t.transaction_id WHERE t.xid IS DISTINCT FROM h.xid
        """,
    ),
    Invariant(
        "ledger-facts-booked-once",
        "one business fact has one transaction",
        """
        SELECT kind, source_id, count(*) FROM ledger_transaction
        GROUP BY kind, source_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        "ledger-ends-share-currency",
        "both accounts of a transfer exist in its currency and mode",
        """
        SELECT t.id FROM ledger_transfer t
        LEFT JOIN ledger_account d ON (d.id, d.currency, d.mode)
                                    = (t.debit_account_id, t.currency, t.mode)
        LEFT JOIN ledger_account c ON (c.id, c.currency, c.mode)
                                    = (t.credit_account_id, t.currency, t.mode)
        WHERE d.id IS NULL OR c.id IS NULL OR d.id = c.id
        """,
    ),
]

SNAPSHOTS = [
    Invariant(
        "ledger-snapshots-equal-sums",
        "the snapshots are the sums of all transfers up to their mark",
        f"""
        WITH rolled AS ({ROLLED}), summed AS (
            SELECT side.account_id, t.layer, t.reversal, sum(side.debit), sum(side.credit)
            FROM ledger_transfer t CROSS JOIN LATERAL (
                VALUES (t.debit_account_id, t.amount, 0), (t.credit_account_id, 0, t.amount)
            ) AS side (account_id, debit, credit)
            WHERE t.xid <= (SELECT upto FROM rolled)
            GROUP BY side.account_id, t.layer, t.reversal
        ), kept AS (
            SELECT account_id, layer, reversal, debits, credits
            FROM ledger_snapshot JOIN rolled USING (epoch)
        )
        (SELECT 'sum' AS what, * FROM (TABLE summed EXCEPT TABLE kept) AS missing)
        UNION ALL
        (SELECT 'snapshot', * FROM (TABLE kept EXCEPT TABLE summed) AS wrong)
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "ledger-rollup-in-bounds",
        "there is one mark, below every open transaction, and no snapshot of a later epoch",
        f"""
        SELECT 'marks' AS what, count(*)::text FROM ledger_rollup HAVING count(*) <> 1
        UNION ALL
        SELECT 'upto', upto::text FROM ({ROLLED}) AS rolled
        WHERE upto >= pg_snapshot_xmin(pg_current_snapshot())
        UNION ALL
        SELECT 'epoch', account_id::text FROM ledger_snapshot
        WHERE epoch > (SELECT max(epoch) FROM ledger_rollup)
        """,  # noqa: S608 - our own constants
    ),
]

GUARDS = [
    Invariant(
        "ledger-triggers-in-force",
        "the triggers that guard the books and their snapshots exist and fire ALWAYS",
        f"""
        SELECT expected.name, actual.tgenabled
        FROM (VALUES {GUARD_ROWS}) AS expected (name, relation, bits, function)
        LEFT JOIN pg_trigger actual
            ON actual.tgrelid = to_regclass(expected.relation) AND actual.tgname = expected.name
        WHERE actual.oid IS NULL OR actual.tgenabled <> 'A' OR actual.tgtype <> expected.bits
           OR actual.tgfoid <> to_regprocedure(expected.function)
           OR actual.tgqual IS NOT NULL OR actual.tgattr <> ''
        """,  # noqa: S608 - our own constants
    ),
    rights_as_listed("ledger", GRANTS, OPERATOR_GRANTS),
]

INVARIANTS: list[Invariant] = [*SUMS, *RESOLUTIONS, *SHAPE, *SNAPSHOTS, *GUARDS]
