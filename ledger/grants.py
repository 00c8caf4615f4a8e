"""What may be done with the books: the serving role reads and adds, the operator reads.

Column grants that leave out ``xid`` would also refuse Django's own INSERT, which names every
column; a trigger overwrites the value instead (migration 0002). Only sums change, as their own
triggers let them (migration 0004).
"""

GRANTS: dict[str, str] = {
    "ledger_account": "SELECT, INSERT",
    "ledger_transaction": "SELECT, INSERT",
    "ledger_transfer": "SELECT, INSERT",
    "ledger_entries": "SELECT",
    "ledger_rollup": "SELECT, UPDATE",
    "ledger_snapshot": "SELECT, INSERT, UPDATE",
}

OPERATOR_GRANTS: dict[str, str] = dict.fromkeys(GRANTS, "SELECT")
