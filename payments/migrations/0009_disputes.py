"""Disputes: what providers told of them, what they came to, and what they forbid."""

import core.ids
import core.schema
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from core.schema import PostgresSQL

# A dispute and a refund of one payment wait for each other: both lock it.
GUARDS = """
    CREATE TRIGGER payments_dispute_starts_open BEFORE INSERT ON payments_dispute
        FOR EACH ROW WHEN (NEW.status <> 'OPEN' OR NEW.version <> 1)
        EXECUTE FUNCTION payments_refuse('a dispute starts as OPEN');
    CREATE TRIGGER payments_dispute_legal_move BEFORE UPDATE ON payments_dispute
        FOR EACH ROW WHEN (
            OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
                ('OPEN', 'WON'), ('OPEN', 'LOST'), ('WON', 'LOST')))
        EXECUTE FUNCTION payments_refuse('a dispute has no such move');
    CREATE TRIGGER payments_dispute_version_counts BEFORE UPDATE ON payments_dispute
        FOR EACH ROW WHEN (NEW.version <> OLD.version + (OLD.status <> NEW.status)::int)
        EXECUTE FUNCTION payments_refuse('the version counts changes of status');
    CREATE TRIGGER payments_dispute_terms_fixed BEFORE UPDATE ON payments_dispute
        FOR EACH ROW WHEN (
            (OLD.id, OLD.payment_id, OLD.merchant_id, OLD.mode, OLD.gateway, OLD.provider_id,
             OLD.amount, OLD.currency, OLD.opened_at) IS DISTINCT FROM
            (NEW.id, NEW.payment_id, NEW.merchant_id, NEW.mode, NEW.gateway, NEW.provider_id,
             NEW.amount, NEW.currency, NEW.opened_at)
            OR OLD.fee IS NOT NULL AND OLD.fee IS DISTINCT FROM NEW.fee
            OR OLD.reason <> '' AND OLD.reason <> NEW.reason)
        EXECUTE FUNCTION payments_refuse('the terms of a dispute never change');
    CREATE TRIGGER payments_dispute_kept BEFORE DELETE ON payments_dispute
        FOR EACH ROW EXECUTE FUNCTION payments_refuse('a dispute is never deleted');
    CREATE TRIGGER payments_dispute_not_truncated BEFORE TRUNCATE ON payments_dispute
        FOR EACH STATEMENT
        EXECUTE FUNCTION payments_refuse('payments_dispute is never truncated');
    CREATE TRIGGER payments_disputefact_append_only BEFORE UPDATE OR DELETE ON payments_disputefact
        FOR EACH ROW EXECUTE FUNCTION payments_refuse('payments_disputefact is append-only');
    CREATE TRIGGER payments_disputefact_not_truncated BEFORE TRUNCATE ON payments_disputefact
        FOR EACH STATEMENT
        EXECUTE FUNCTION payments_refuse('payments_disputefact is never truncated');

    CREATE FUNCTION payments_dispute_fits() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM payments_payment p
            WHERE (p.id, p.merchant_id, p.mode, p.gateway, p.currency)
                = (NEW.payment_id, NEW.merchant_id, NEW.mode, NEW.gateway, NEW.currency)
              AND NEW.amount <= p.amount_captured
            FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a dispute has the merchant, mode, gateway and currency of its'
                ' payment, and is over no more than that captured'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER payments_dispute_fits BEFORE INSERT ON payments_dispute
        FOR EACH ROW EXECUTE FUNCTION payments_dispute_fits();

    CREATE FUNCTION payments_disputefact_fits() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM payments_dispute d
                       WHERE (d.id, d.amount, d.currency)
                           = (NEW.dispute_id, NEW.amount, NEW.currency)) THEN
            RAISE EXCEPTION 'what counts of a dispute names its amount and currency'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER payments_disputefact_fits BEFORE INSERT ON payments_disputefact
        FOR EACH ROW EXECUTE FUNCTION payments_disputefact_fits();

    CREATE FUNCTION payments_operation_undisputed() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE room bigint; lost bigint; open bigint;
    BEGIN
        SELECT amount_captured - amount_refund_held INTO room FROM payments_payment
            WHERE id = NEW.payment_id FOR NO KEY UPDATE;
        SELECT coalesce(sum(amount) FILTER (WHERE status = 'LOST'), 0),
               count(*) FILTER (WHERE status = 'OPEN')
            INTO lost, open FROM payments_dispute WHERE payment_id = NEW.payment_id;
        IF open > 0 OR lost > 0 AND NEW.amount > room - lost THEN
            RAISE EXCEPTION 'what is disputed, or lost by a dispute, is not refunded'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$;
    -- What a provider refunded without us has happened.
    CREATE TRIGGER payments_operation_undisputed BEFORE INSERT ON payments_operation
        FOR EACH ROW WHEN (NEW.kind = 'refund' AND NEW.unasked_id = '')
        EXECUTE FUNCTION payments_operation_undisputed();

    DO $$ DECLARE t record; BEGIN
        FOR t IN SELECT tgname, tgrelid::regclass AS tab FROM pg_trigger
                 WHERE NOT tgisinternal AND (tgname LIKE 'payments\\_dispute%'
                                             OR tgname = 'payments_operation_undisputed') LOOP
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.tab, t.tgname);
        END LOOP;
    END $$;
"""
NO_GUARDS = """
    DROP FUNCTION payments_operation_undisputed() CASCADE;
    DROP FUNCTION payments_disputefact_fits() CASCADE;
    DROP FUNCTION payments_dispute_fits() CASCADE;
    DROP TRIGGER payments_dispute_starts_open ON payments_dispute;
    DROP TRIGGER payments_dispute_legal_move ON payments_dispute;
    DROP TRIGGER payments_dispute_version_counts ON payments_dispute;
    DROP TRIGGER payments_dispute_terms_fixed ON payments_dispute;
    DROP TRIGGER payments_dispute_kept ON payments_dispute;
    DROP TRIGGER payments_dispute_not_truncated ON payments_dispute;
    DROP TRIGGER payments_disputefact_append_only ON payments_disputefact;
    DROP TRIGGER payments_disputefact_not_truncated ON payments_disputefact;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_merchants_and_keys_end_for_good"),
        ("payments", "0008_whole_life"),
    ]

    operations = [
        migrations.CreateModel(
            name="Dispute",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("mode", models.TextField(choices=[("test", "Test"), ("live", "Live")])),
                ("gateway", models.TextField()),
                ("provider_id", models.TextField()),
                ("amount", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("fee", models.BigIntegerField(null=True)),
                ("reason", models.TextField(default="")),
                (
                    "status",
                    models.TextField(
                        choices=[("OPEN", "Open"), ("WON", "Won"), ("LOST", "Lost")], default="OPEN"
                    ),
                ),
                ("version", models.IntegerField(default=1)),
                (
                    "opened_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("xid", core.schema.XidField()),
            ],
        ),
        migrations.CreateModel(
            name="DisputeFact",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("said", models.TextField()),
                ("amount", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("fee", models.BigIntegerField(null=True)),
                ("reason", models.TextField(default="")),
                (
                    "recorded_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("xid", core.schema.XidField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="statuschange",
            name="status_change_payment_version_once",
        ),
        migrations.AddField(
            model_name="dispute",
            name="merchant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="core.merchant",
            ),
        ),
        migrations.AddField(
            model_name="dispute",
            name="payment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="disputes",
                to="payments.payment",
            ),
        ),
        migrations.AddField(
            model_name="statuschange",
            name="dispute",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="history",
                to="payments.dispute",
            ),
        ),
        migrations.AddConstraint(
            model_name="statuschange",
            constraint=models.UniqueConstraint(
                condition=models.Q(("dispute__isnull", True), ("refund__isnull", True)),
                fields=("payment", "version"),
                name="status_change_payment_version_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="statuschange",
            constraint=models.UniqueConstraint(
                condition=models.Q(("dispute__isnull", False)),
                fields=("dispute", "version"),
                name="status_change_dispute_version_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="statuschange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("refund__isnull", True), ("dispute__isnull", True), _connector="OR"
                ),
                name="status_change_of_one",
            ),
        ),
        migrations.AddField(
            model_name="disputefact",
            name="dispute",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="facts",
                to="payments.dispute",
            ),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(fields=["merchant", "mode", "id"], name="dispute_of_merchant"),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(
                fields=["merchant", "mode", "status", "id"], name="dispute_by_status"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ["test", "live"])), name="dispute_mode_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["OPEN", "WON", "LOST"])),
                name="dispute_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 1), ("amount__lte", 999999999999)),
                name="dispute_amount_in_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fee__isnull", True),
                    models.Q(("fee__gte", 1), ("fee__lte", 999999999999)),
                    _connector="OR",
                ),
                name="dispute_fee_in_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.UniqueConstraint(
                fields=("gateway", "provider_id"), name="dispute_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("provider_id", ""), _negated=True), name="dispute_has_an_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status", "OPEN"), ("decided_at__isnull", False), _connector="XOR"
                ),
                name="dispute_decided_iff_not_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="disputefact",
            constraint=models.CheckConstraint(
                condition=models.Q(("said__in", ["opened", "won", "lost"])),
                name="dispute_fact_known",
            ),
        ),
        PostgresSQL(GUARDS, NO_GUARDS),
    ]
