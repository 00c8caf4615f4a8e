"""What SQLite refuses in the books: ``ledger/migrations/0002_*`` once more (``core.refusals``)."""

from core.refusals import append_only

REFUSALS = [
    append_only(table, f"{table}_keeps_rows")
    for table in ("ledger_account", "ledger_transaction", "ledger_transfer")
]
