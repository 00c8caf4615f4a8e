"""What is asked for fits its payment, and disputes together are over no more than was captured."""

from django.db import migrations

from core.schema import PostgresSQL

# A charge is written with its payment in one statement, and cannot see it; `verify` compares them.
FIT = """
    CREATE FUNCTION payments_operation_fits() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE paid payments_payment; fits boolean;
    BEGIN
        SELECT * INTO paid FROM payments_payment
            WHERE (id, gateway, currency) = (NEW.payment_id, NEW.gateway, NEW.currency)
            FOR NO KEY UPDATE;
        fits := FOUND AND CASE NEW.kind
            -- That there has to be a refund is a plain constraint.
            WHEN 'refund' THEN NEW.refund_id IS NULL OR EXISTS (
                SELECT FROM payments_refund r
                WHERE (r.id, r.payment_id, r.amount)
                    = (NEW.refund_id, NEW.payment_id, NEW.amount))
            WHEN 'void' THEN NEW.amount = paid.amount
            ELSE NEW.amount BETWEEN 1 AND paid.amount AND paid.capture_method = 'manual' END;
        IF fits IS NOT TRUE THEN
            RAISE EXCEPTION 'an operation has the gateway, currency and amount of what it is for'
                USING ERRCODE = 'restrict_violation';
        END IF;
        -- What a provider did by itself has happened, whatever we thought of the payment.
        IF NEW.unasked_id = '' AND (NEW.kind, paid.status) NOT IN (
            ('refund', 'SUCCESS'), ('capture', 'AUTHORIZED'),
            ('void', 'AUTHORIZED'), ('void', 'REQUIRES_ACTION')) THEN
            RAISE EXCEPTION 'the status of the payment does not allow this operation'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER payments_operation_fits BEFORE INSERT ON payments_operation
        FOR EACH ROW WHEN (NEW.kind IN ('capture', 'void', 'refund'))
        EXECUTE FUNCTION payments_operation_fits();
    ALTER TABLE payments_operation ENABLE ALWAYS TRIGGER payments_operation_fits;
"""
NO_FIT = "DROP FUNCTION payments_operation_fits() CASCADE;"


def _disputes_fit(others: str) -> str:
    """Return the function with what the others take; the sum sees what the lock waited for."""
    return f"""
        CREATE OR REPLACE FUNCTION payments_dispute_fits() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE captured bigint;
        BEGIN
            SELECT amount_captured INTO captured FROM payments_payment p
                WHERE (p.id, p.merchant_id, p.mode, p.gateway, p.currency)
                    = (NEW.payment_id, NEW.merchant_id, NEW.mode, NEW.gateway, NEW.currency)
                FOR NO KEY UPDATE;
            IF NOT FOUND OR NEW.amount > captured{others} THEN
                RAISE EXCEPTION 'a dispute has the merchant, mode, gateway and currency of its'
                    ' payment, and is over no more than that captured'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$;
    """  # noqa: S608 - our own constants


OTHERS = """
    - (SELECT coalesce(sum(d.amount), 0) FROM payments_dispute d
       WHERE d.payment_id = NEW.payment_id AND d.status <> 'WON')"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0013_acts_of_operators")]

    operations = [
        PostgresSQL(FIT, NO_FIT),
        PostgresSQL(_disputes_fit(OTHERS), _disputes_fit("")),
    ]
