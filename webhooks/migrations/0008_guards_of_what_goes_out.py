"""What Django cannot say of endpoints and deliveries: what never changes, and whose is whose."""

from django.db import migrations

from core.schema import PostgresSQL

TERMS = """
    CREATE FUNCTION webhooks_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
    END $$;

    CREATE TRIGGER webhooks_endpoint_terms_fixed BEFORE UPDATE ON webhooks_endpoint
        FOR EACH ROW WHEN (
            (OLD.id, OLD.merchant_id, OLD.mode, OLD.created_at)
            IS DISTINCT FROM (NEW.id, NEW.merchant_id, NEW.mode, NEW.created_at))
        EXECUTE FUNCTION webhooks_refuse('whose endpoint it is never changes');
    CREATE TRIGGER webhooks_endpoint_deleted_for_good BEFORE UPDATE ON webhooks_endpoint
        FOR EACH ROW WHEN (
            OLD.deleted_at IS NOT NULL AND OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
        EXECUTE FUNCTION webhooks_refuse('a deleted endpoint stays deleted');
    CREATE TRIGGER webhooks_endpoint_version_counts BEFORE UPDATE ON webhooks_endpoint
        FOR EACH ROW WHEN (NEW.version <> OLD.version + (OLD.status <> NEW.status)::int)
        EXECUTE FUNCTION webhooks_refuse('the version counts changes of status');

    CREATE TRIGGER webhooks_endpointsecret_terms_fixed BEFORE UPDATE ON webhooks_endpointsecret
        FOR EACH ROW WHEN (
            (OLD.id, OLD.endpoint_id, OLD.created_at)
            IS DISTINCT FROM (NEW.id, NEW.endpoint_id, NEW.created_at)
            OR OLD.expires_at IS NOT NULL AND (NEW.expires_at IS NULL
                                               OR NEW.expires_at > OLD.expires_at))
        EXECUTE FUNCTION webhooks_refuse('a secret belongs to one endpoint, and its end to it');

    CREATE TRIGGER webhooks_delivery_terms_fixed BEFORE UPDATE ON webhooks_delivery
        FOR EACH ROW WHEN (
            (OLD.id, OLD.endpoint_id, OLD.event_id, OLD.created_at)
            IS DISTINCT FROM (NEW.id, NEW.endpoint_id, NEW.event_id, NEW.created_at))
        EXECUTE FUNCTION webhooks_refuse('what is delivered to whom never changes');

    CREATE TRIGGER webhooks_deliveryattempt_answered_once BEFORE UPDATE ON webhooks_deliveryattempt
        FOR EACH ROW WHEN (
            OLD.answered_at IS NOT NULL
            OR (OLD.id, OLD.delivery_id, OLD.message_id, OLD.epoch, OLD.intended_at)
               IS DISTINCT FROM
               (NEW.id, NEW.delivery_id, NEW.message_id, NEW.epoch, NEW.intended_at))
        EXECUTE FUNCTION webhooks_refuse('an answer is a fact and never changes');

    CREATE FUNCTION webhooks_delivery_fits() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM webhooks_endpoint e JOIN webhooks_body b
                ON (b.merchant_id, b.mode) = (e.merchant_id, e.mode)
            WHERE e.id = NEW.endpoint_id AND b.id = NEW.event_id) THEN
            RAISE EXCEPTION 'an event is delivered to its own merchant and mode only'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER webhooks_delivery_fits BEFORE INSERT ON webhooks_delivery
        FOR EACH ROW EXECUTE FUNCTION webhooks_delivery_fits();

    CREATE TRIGGER webhooks_body_append_only BEFORE UPDATE OR DELETE ON webhooks_body
        FOR EACH ROW EXECUTE FUNCTION webhooks_refuse('webhooks_body is append-only');
    CREATE TRIGGER webhooks_body_not_truncated BEFORE TRUNCATE ON webhooks_body
        FOR EACH STATEMENT EXECUTE FUNCTION webhooks_refuse('webhooks_body is never truncated');
"""
NO_TERMS = """
    DROP FUNCTION webhooks_delivery_fits() CASCADE;
    DROP FUNCTION webhooks_refuse() CASCADE;
"""

KEPT = ("webhooks_endpoint", "webhooks_delivery", "webhooks_deliveryattempt")


def _kept(table: str) -> str:
    return f"""
        CREATE TRIGGER {table}_kept BEFORE DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION webhooks_refuse('{table} keeps its rows');
        CREATE TRIGGER {table}_not_truncated BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION webhooks_refuse('{table} is never truncated');
    """


ALWAYS = """
    DO $$ DECLARE t record; BEGIN
        FOR t IN SELECT tgname, tgrelid::regclass AS tab FROM pg_trigger
                 WHERE NOT tgisinternal AND tgname LIKE 'webhooks\\_%' LOOP
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.tab, t.tgname);
        END LOOP;
    END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0007_merchants_endpoints")]
    operations = [
        PostgresSQL(TERMS, NO_TERMS),
        *(PostgresSQL(_kept(table), PostgresSQL.noop) for table in KEPT),
        PostgresSQL(ALWAYS, PostgresSQL.noop),
    ]
