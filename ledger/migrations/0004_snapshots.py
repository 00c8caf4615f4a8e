"""Sums of what the books said up to a transaction id (ADR 0012); on PostgreSQL only."""

from django.db import migrations

from core.schema import PostgresSQL

# Not a model: no row is read or written but by the statements of ledger/rollup.py.
TABLES = """
CREATE TABLE ledger_rollup (
    id smallint PRIMARY KEY CONSTRAINT ledger_rollup_once CHECK (id = 1),
    epoch integer NOT NULL,
    system_identifier bigint NOT NULL,
    upto xid8 NOT NULL
);
INSERT INTO ledger_rollup (id, epoch, system_identifier, upto) VALUES (1, 0, 0, '0');
-- Half of each page stays free, so that an update finds room beside the row and no index grows.
CREATE TABLE ledger_snapshot (
    account_id uuid NOT NULL
        CONSTRAINT ledger_snapshot_of_an_account REFERENCES ledger_account (id),
    layer varchar(7) NOT NULL
        CONSTRAINT ledger_snapshot_known_layer CHECK (layer IN ('pending', 'posted')),
    reversal boolean NOT NULL
        CONSTRAINT ledger_snapshot_reverses_pending CHECK (NOT reversal OR layer = 'pending'),
    epoch integer NOT NULL,
    debits numeric(38) NOT NULL CONSTRAINT ledger_snapshot_debits CHECK (debits >= 0),
    credits numeric(38) NOT NULL CONSTRAINT ledger_snapshot_credits CHECK (credits >= 0),
    PRIMARY KEY (account_id, layer, reversal)
) WITH (fillfactor = 50);
"""
TABLES_REVERSE = "DROP TABLE ledger_snapshot; DROP TABLE ledger_rollup;"

# A transaction older than the mark that is still open would be left out for ever: it is in no
# snapshot, and no reader looks for it below the mark.
GUARDS = """
CREATE FUNCTION ledger_guard_rollup() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.epoch = OLD.epoch AND NEW.system_identifier = OLD.system_identifier
        AND NEW.upto > OLD.upto AND NEW.upto < pg_snapshot_xmin(pg_current_snapshot())
        OR NEW.epoch = OLD.epoch + 1 AND NEW.upto = '0'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a roll-up goes forward to what nobody can add to, or begins anew'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION ledger_guard_snapshot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.account_id, NEW.layer, NEW.reversal) = (OLD.account_id, OLD.layer, OLD.reversal)
        AND (NEW.epoch > OLD.epoch OR NEW.epoch = OLD.epoch
             AND NEW.debits >= OLD.debits AND NEW.credits >= OLD.credits)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a snapshot only grows, or begins anew in a later epoch'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_rollup_goes_forward BEFORE UPDATE ON ledger_rollup
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_rollup();
CREATE TRIGGER ledger_snapshot_only_grows BEFORE UPDATE ON ledger_snapshot
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_snapshot();
ALTER TABLE ledger_rollup ENABLE ALWAYS TRIGGER ledger_rollup_goes_forward;
ALTER TABLE ledger_snapshot ENABLE ALWAYS TRIGGER ledger_snapshot_only_grows;
"""
GUARDS_REVERSE = """
DROP TRIGGER ledger_snapshot_only_grows ON ledger_snapshot;
DROP TRIGGER ledger_rollup_goes_forward ON ledger_rollup;
DROP FUNCTION ledger_guard_snapshot();
DROP FUNCTION ledger_guard_rollup();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_headers_in_xid_order")]

    operations = [
        PostgresSQL(TABLES, TABLES_REVERSE),
        PostgresSQL(GUARDS, GUARDS_REVERSE),
    ]
