"""What Django cannot say of payments: which moves there are, and what never changes."""

from django.db import migrations

from core.schema import PostgresSQL

# The tables of payments/states.py once more; a test holds the two together.
STATES = """
    CREATE FUNCTION payments_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
    END $$;

    CREATE TRIGGER payments_payment_starts_created BEFORE INSERT ON payments_payment
        FOR EACH ROW WHEN (NEW.status <> 'CREATED' OR NEW.version <> 1)
        EXECUTE FUNCTION payments_refuse('a payment starts as CREATED');
    CREATE TRIGGER payments_payment_legal_move BEFORE UPDATE ON payments_payment
        FOR EACH ROW WHEN (
            OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
                ('CREATED', 'PROCESSING'), ('PROCESSING', 'SUCCESS'), ('PROCESSING', 'FAILED'),
                ('SUCCESS', 'REFUNDED'), ('FAILED', 'SUCCESS')))
        EXECUTE FUNCTION payments_refuse('a payment has no such move');
    CREATE TRIGGER payments_payment_version_counts BEFORE UPDATE ON payments_payment
        FOR EACH ROW WHEN (NEW.version <> OLD.version + (OLD.status <> NEW.status)::int)
        EXECUTE FUNCTION payments_refuse('the version counts changes of status');
    CREATE TRIGGER payments_payment_terms_fixed BEFORE UPDATE ON payments_payment
        FOR EACH ROW WHEN (
            (OLD.id, OLD.merchant_id, OLD.mode, OLD.amount, OLD.currency, OLD.gateway,
             OLD.created_at) IS DISTINCT FROM
            (NEW.id, NEW.merchant_id, NEW.mode, NEW.amount, NEW.currency, NEW.gateway,
             NEW.created_at))
        EXECUTE FUNCTION payments_refuse('the terms of a payment never change');
    CREATE TRIGGER payments_payment_kept BEFORE DELETE ON payments_payment
        FOR EACH ROW EXECUTE FUNCTION payments_refuse('a payment is never deleted');

    CREATE TRIGGER payments_refund_starts_pending BEFORE INSERT ON payments_refund
        FOR EACH ROW WHEN (NEW.status <> 'PENDING' OR NEW.version <> 1)
        EXECUTE FUNCTION payments_refuse('a refund starts as PENDING');
    CREATE TRIGGER payments_refund_legal_move BEFORE UPDATE ON payments_refund
        FOR EACH ROW WHEN (
            OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
                ('PENDING', 'SUCCEEDED'), ('PENDING', 'FAILED'), ('FAILED', 'SUCCEEDED')))
        EXECUTE FUNCTION payments_refuse('a refund has no such move');
    CREATE TRIGGER payments_refund_version_counts BEFORE UPDATE ON payments_refund
        FOR EACH ROW WHEN (NEW.version <> OLD.version + (OLD.status <> NEW.status)::int)
        EXECUTE FUNCTION payments_refuse('the version counts changes of status');
    CREATE TRIGGER payments_refund_terms_fixed BEFORE UPDATE ON payments_refund
        FOR EACH ROW WHEN (
            (OLD.id, OLD.payment_id, OLD.merchant_id, OLD.mode, OLD.amount, OLD.currency)
            IS DISTINCT FROM
            (NEW.id, NEW.payment_id, NEW.merchant_id, NEW.mode, NEW.amount, NEW.currency))
        EXECUTE FUNCTION payments_refuse('the terms of a refund never change');
    CREATE TRIGGER payments_refund_kept BEFORE DELETE ON payments_refund
        FOR EACH ROW EXECUTE FUNCTION payments_refuse('a refund is never deleted');

    CREATE FUNCTION payments_refund_fits() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM payments_payment p
                       WHERE (p.id, p.merchant_id, p.mode, p.currency)
                           = (NEW.payment_id, NEW.merchant_id, NEW.mode, NEW.currency)) THEN
            RAISE EXCEPTION 'a refund has the merchant, mode and currency of its payment'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER payments_refund_fits BEFORE INSERT ON payments_refund
        FOR EACH ROW EXECUTE FUNCTION payments_refund_fits();
"""
NO_STATES = """
    DROP FUNCTION payments_refund_fits() CASCADE;
    DROP FUNCTION payments_refuse() CASCADE;
"""

FACTS = """
    CREATE TRIGGER payments_operation_once_settled BEFORE UPDATE ON payments_operation
        FOR EACH ROW WHEN (
            OLD.state <> NEW.state
            AND (OLD.state, NEW.state) NOT IN
                (('open', 'succeeded'), ('open', 'failed'), ('failed', 'succeeded')))
        EXECUTE FUNCTION payments_refuse('an operation has no such move');
    CREATE TRIGGER payments_operation_terms_fixed BEFORE UPDATE ON payments_operation
        FOR EACH ROW WHEN (
            (OLD.id, OLD.payment_id, OLD.refund_id, OLD.kind, OLD.gateway, OLD.amount,
             OLD.currency) IS DISTINCT FROM
            (NEW.id, NEW.payment_id, NEW.refund_id, NEW.kind, NEW.gateway, NEW.amount,
             NEW.currency)
            OR OLD.first_sent_at IS NOT NULL AND OLD.first_sent_at IS DISTINCT FROM
                NEW.first_sent_at)
        EXECUTE FUNCTION payments_refuse('the terms of an operation never change');
    CREATE TRIGGER payments_attempt_answered_once BEFORE UPDATE ON payments_attempt
        FOR EACH ROW WHEN (OLD.answered_at IS NOT NULL)
        EXECUTE FUNCTION payments_refuse('an answer is a fact and never changes');
    CREATE TRIGGER payments_attempt_kept BEFORE DELETE ON payments_attempt
        FOR EACH ROW EXECUTE FUNCTION payments_refuse('an attempt is never deleted');
    CREATE TRIGGER payments_operation_kept BEFORE DELETE ON payments_operation
        FOR EACH ROW EXECUTE FUNCTION payments_refuse('an operation is never deleted');
"""
NO_FACTS = """
    DROP TRIGGER payments_operation_once_settled ON payments_operation;
    DROP TRIGGER payments_operation_terms_fixed ON payments_operation;
    DROP TRIGGER payments_operation_kept ON payments_operation;
    DROP TRIGGER payments_attempt_answered_once ON payments_attempt;
    DROP TRIGGER payments_attempt_kept ON payments_attempt;
"""

APPEND_ONLY = ("payments_notice", "payments_statuschange", "payments_event")
STATE_TABLES = ("payments_payment", "payments_refund", "payments_operation", "payments_attempt")


def _append_only(table: str) -> str:
    return f"""
        CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION payments_refuse('{table} is append-only');
    """


def _not_truncated(table: str) -> str:
    return f"""
        CREATE TRIGGER {table}_not_truncated BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse('{table} is never truncated');
    """


ALWAYS = """
    DO $$ DECLARE t record; BEGIN
        FOR t IN SELECT tgname, tgrelid::regclass AS tab FROM pg_trigger
                 WHERE NOT tgisinternal AND tgname LIKE 'payments\\_%' LOOP
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.tab, t.tgname);
        END LOOP;
    END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]
    operations = [
        PostgresSQL(STATES, NO_STATES),
        PostgresSQL(FACTS, NO_FACTS),
        *(
            PostgresSQL(_append_only(table), f"DROP TRIGGER {table}_append_only ON {table}")
            for table in APPEND_ONLY
        ),
        *(
            PostgresSQL(_not_truncated(table), f"DROP TRIGGER {table}_not_truncated ON {table}")
            for table in (*APPEND_ONLY, *STATE_TABLES)
        ),
        PostgresSQL(ALWAYS, PostgresSQL.noop),
    ]
