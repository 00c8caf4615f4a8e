"""How the hot table is stored, and what may never happen to its rows."""

from django.db import migrations

from core.schema import PostgresSQL

# Small and often: the table is rewritten several times in a message's life, and dead index
# entries in front of the ready index are what makes a claim slow.
STORAGE = """
    ALTER TABLE outbox_message SET (
        fillfactor = 80,
        autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_insert_scale_factor = 0,
        autovacuum_vacuum_insert_threshold = 10000,
        autovacuum_vacuum_cost_delay = 1,
        autovacuum_vacuum_cost_limit = 2000,
        vacuum_truncate = off)
"""
PLAIN_STORAGE = """
    ALTER TABLE outbox_message RESET (
        fillfactor,
        autovacuum_vacuum_scale_factor,
        autovacuum_vacuum_threshold,
        autovacuum_vacuum_insert_scale_factor,
        autovacuum_vacuum_insert_threshold,
        autovacuum_vacuum_cost_delay,
        autovacuum_vacuum_cost_limit,
        vacuum_truncate)
"""

# The conditions stand in WHEN, so that no other update pays for the function.
GUARDS = """
    CREATE FUNCTION outbox_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
    END $$;

    CREATE TRIGGER outbox_done_stays_done BEFORE UPDATE ON outbox_message
        FOR EACH ROW WHEN (OLD.state = 8)
        EXECUTE FUNCTION outbox_refuse('a done message is over; ask for a new operation');
    CREATE TRIGGER outbox_epoch_only_grows BEFORE UPDATE ON outbox_message
        FOR EACH ROW WHEN (NEW.epoch < OLD.epoch)
        EXECUTE FUNCTION outbox_refuse('an epoch never goes back');
    CREATE TRIGGER outbox_claim_raises_epoch BEFORE UPDATE ON outbox_message
        FOR EACH ROW WHEN (OLD.state <> 1 AND NEW.state = 1 AND NEW.epoch <= OLD.epoch)
        EXECUTE FUNCTION outbox_refuse('a claim raises the epoch');
    CREATE TRIGGER outbox_only_done_is_deleted BEFORE DELETE ON outbox_message
        FOR EACH ROW WHEN (OLD.state <> 8)
        EXECUTE FUNCTION outbox_refuse('only a done message may be deleted');

    CREATE TRIGGER outbox_lapse_append_only BEFORE UPDATE OR DELETE ON outbox_lapse
        FOR EACH ROW EXECUTE FUNCTION outbox_refuse('outbox_lapse is append-only');
    CREATE TRIGGER outbox_lapse_not_truncated BEFORE TRUNCATE ON outbox_lapse
        FOR EACH STATEMENT EXECUTE FUNCTION outbox_refuse('outbox_lapse is append-only');

    ALTER TABLE outbox_message ENABLE ALWAYS TRIGGER outbox_done_stays_done;
    ALTER TABLE outbox_message ENABLE ALWAYS TRIGGER outbox_epoch_only_grows;
    ALTER TABLE outbox_message ENABLE ALWAYS TRIGGER outbox_claim_raises_epoch;
    ALTER TABLE outbox_message ENABLE ALWAYS TRIGGER outbox_only_done_is_deleted;
    ALTER TABLE outbox_lapse ENABLE ALWAYS TRIGGER outbox_lapse_append_only;
    ALTER TABLE outbox_lapse ENABLE ALWAYS TRIGGER outbox_lapse_not_truncated;
"""
NO_GUARDS = """
    DROP TRIGGER outbox_done_stays_done ON outbox_message;
    DROP TRIGGER outbox_epoch_only_grows ON outbox_message;
    DROP TRIGGER outbox_claim_raises_epoch ON outbox_message;
    DROP TRIGGER outbox_only_done_is_deleted ON outbox_message;
    DROP TRIGGER outbox_lapse_append_only ON outbox_lapse;
    DROP TRIGGER outbox_lapse_not_truncated ON outbox_lapse;
    DROP FUNCTION outbox_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]
    operations = [PostgresSQL(STORAGE, PLAIN_STORAGE), PostgresSQL(GUARDS, NO_GUARDS)]
