"""Composite foreign keys, forced ``xid``, append-only triggers and the auditors' view (ADR 0006)."""

from django.db import migrations

from core.schema import PostgresSQL

TABLES = ("ledger_account", "ledger_transaction", "ledger_transfer")

# A leg's ends share its currency and mode, and its header was written by the same database
# transaction: nothing can be added to a transaction that was committed.
FOREIGN_KEYS = """
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_currency_is_iso
    CHECK (currency ~ '^[A-Z]{3}$');
ALTER TABLE ledger_transaction ALTER COLUMN xid SET NOT NULL;
ALTER TABLE ledger_transfer ALTER COLUMN xid SET NOT NULL;
ALTER TABLE ledger_transfer
    ADD CONSTRAINT ledger_transfer_joins_its_own_transaction
        FOREIGN KEY (transaction_id, xid, mode) REFERENCES ledger_transaction (id, xid, mode),
    ADD CONSTRAINT ledger_transfer_debit_currency_and_mode
        FOREIGN KEY (debit_account_id, currency, mode)
        REFERENCES ledger_account (id, currency, mode),
    ADD CONSTRAINT ledger_transfer_credit_currency_and_mode
        FOREIGN KEY (credit_account_id, currency, mode)
        REFERENCES ledger_account (id, currency, mode);
"""
FOREIGN_KEYS_REVERSE = """
ALTER TABLE ledger_transfer
    DROP CONSTRAINT ledger_transfer_credit_currency_and_mode,
    DROP CONSTRAINT ledger_transfer_debit_currency_and_mode,
    DROP CONSTRAINT ledger_transfer_joins_its_own_transaction;
ALTER TABLE ledger_transfer ALTER COLUMN xid DROP NOT NULL;
ALTER TABLE ledger_transaction ALTER COLUMN xid DROP NOT NULL;
ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_currency_is_iso;
"""

FUNCTIONS = """
CREATE FUNCTION ledger_stamp_xid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Whatever the caller named: a forged xid would let a leg join an older transaction.
    NEW.xid := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
"""
FUNCTIONS_REVERSE = "DROP FUNCTION ledger_refuse_change(); DROP FUNCTION ledger_stamp_xid();"

# ALWAYS: a session with session_replication_role = replica skips ordinary triggers.
APPEND_ONLY = """
CREATE TRIGGER {table}_keeps_rows BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER {table}_keeps_all_rows BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_keeps_rows;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_keeps_all_rows;
"""
APPEND_ONLY_REVERSE = """
DROP TRIGGER {table}_keeps_all_rows ON {table};
DROP TRIGGER {table}_keeps_rows ON {table};
"""

STAMPED = """
CREATE TRIGGER {table}_stamps_xid BEFORE INSERT ON {table}
    FOR EACH ROW EXECUTE FUNCTION ledger_stamp_xid();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_stamps_xid;
"""
STAMPED_REVERSE = "DROP TRIGGER {table}_stamps_xid ON {table};"

# Currency and mode come from the account, not from the leg, so that the view cannot repeat a lie
# the leg might tell. security_invoker: the reader's own rights count, not the view owner's.
ENTRIES = """
CREATE VIEW ledger_entries WITH (security_invoker = true) AS
SELECT t.id AS transfer_id, t.transaction_id, t.layer, t.reversal, side.name AS side,
       a.id AS account_id, a.code, a.owner, a.currency, a.mode,
       side.sign * t.amount AS amount, t.xid
FROM ledger_transfer t
CROSS JOIN (VALUES ('debit', 1), ('credit', -1)) AS side (name, sign)
JOIN ledger_account a
    ON a.id = CASE side.name WHEN 'debit' THEN t.debit_account_id ELSE t.credit_account_id END;
"""


def for_each(template: str, tables: tuple[str, ...]) -> str:
    return "".join(template.format(table=table) for table in tables)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        PostgresSQL(FOREIGN_KEYS, FOREIGN_KEYS_REVERSE),
        PostgresSQL(FUNCTIONS, FUNCTIONS_REVERSE),
        PostgresSQL(for_each(STAMPED, TABLES[1:]), for_each(STAMPED_REVERSE, TABLES[1:])),
        PostgresSQL(for_each(APPEND_ONLY, TABLES), for_each(APPEND_ONLY_REVERSE, TABLES)),
        PostgresSQL(ENTRIES, "DROP VIEW ledger_entries;"),
    ]
