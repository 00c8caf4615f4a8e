"""Find headers by ``xid``: the index that transfers refer to begins with it (ADR 0012).

A foreign key does not mind the order of the columns it refers to, so this costs no further index.
The new one is built beside the old, and the old transfers are checked without keeping anybody from
adding others. On SQLite the constraint stays as it is: nothing there reads by ``xid``.
"""

from django.db import migrations, models

from core.schema import PostgresSQL

# Each can be run again after it was interrupted.
DROP_LEFTOVER = "DROP INDEX CONCURRENTLY IF EXISTS ledger_transaction_xid_new"
BUILD = "CREATE UNIQUE INDEX CONCURRENTLY ledger_transaction_xid_new ON ledger_transaction ({})"
EXCHANGE = """
ALTER TABLE ledger_transfer DROP CONSTRAINT IF EXISTS ledger_transfer_joins_its_own_transaction;
ALTER TABLE ledger_transaction DROP CONSTRAINT IF EXISTS ledger_transaction_xid_and_mode;
ALTER TABLE ledger_transaction
    ADD CONSTRAINT ledger_transaction_xid_and_mode UNIQUE USING INDEX ledger_transaction_xid_new;
ALTER TABLE ledger_transfer
    ADD CONSTRAINT ledger_transfer_joins_its_own_transaction
        FOREIGN KEY (transaction_id, xid, mode) REFERENCES ledger_transaction (id, xid, mode)
        NOT VALID;
"""
CHECK = "ALTER TABLE ledger_transfer VALIDATE CONSTRAINT ledger_transfer_joins_its_own_transaction"

NEW = "xid, id, mode"
OLD = "id, xid, mode"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("ledger", "0002_append_only_books")]

    operations = [
        PostgresSQL(DROP_LEFTOVER, CHECK),
        PostgresSQL(BUILD.format(NEW), EXCHANGE),
        PostgresSQL(EXCHANGE, BUILD.format(OLD)),
        PostgresSQL(CHECK, DROP_LEFTOVER),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("transaction", "ledger_transaction_xid_and_mode"),
                migrations.AddConstraint(
                    "transaction",
                    models.UniqueConstraint(
                        fields=("xid", "id", "mode"), name="ledger_transaction_xid_and_mode"
                    ),
                ),
            ]
        ),
    ]
