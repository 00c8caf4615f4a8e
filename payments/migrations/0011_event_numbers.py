"""The numbers of events (ADR 0021); mark and guards on PostgreSQL only."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from core.schema import PostgresSQL

# Not a model: no row is read or written but by the statements of payments/numbering.py.
MARK = """
    CREATE TABLE payments_numbering (
        id smallint PRIMARY KEY CONSTRAINT payments_numbering_once CHECK (id = 1),
        epoch integer NOT NULL,
        system_identifier bigint NOT NULL,
        xid xid8 NOT NULL,
        event_id uuid NOT NULL
    );
    INSERT INTO payments_numbering (id, epoch, system_identifier, xid, event_id)
    VALUES (1, 0, 0, '0', '00000000-0000-0000-0000-000000000000');
"""
NO_MARK = "DROP TABLE payments_numbering"

# A transaction older than the mark that is still open would be left out for ever. An event that
# named another transaction's id could stand behind the mark from its beginning.
GUARDS = """
    CREATE FUNCTION payments_guard_numbering() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.epoch = OLD.epoch AND NEW.system_identifier = OLD.system_identifier
            AND (NEW.xid, NEW.event_id) > (OLD.xid, OLD.event_id)
            AND NEW.xid < pg_snapshot_xmin(pg_current_snapshot())
            OR NEW.epoch = OLD.epoch + 1 AND NEW.xid = '0'
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'numbering goes forward to what nobody can add to, or begins anew'
            USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE TRIGGER payments_numbering_goes_forward BEFORE UPDATE ON payments_numbering
        FOR EACH ROW EXECUTE FUNCTION payments_guard_numbering();

    -- OFFSET 0 keeps the look-ups one by one, through the indexes, however the plan was made.
    CREATE FUNCTION payments_guard_numbers() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM added a
            LEFT JOIN LATERAL (
                SELECT * FROM payments_event WHERE id = a.event_id OFFSET 0) AS e ON true
            LEFT JOIN LATERAL (
                SELECT * FROM payments_eventnumber n
                WHERE (n.merchant_id, n.mode, n.number) = (a.merchant_id, a.mode, a.number - 1)
                OFFSET 0) AS previous ON a.number > 1
            LEFT JOIN LATERAL (
                SELECT * FROM payments_event WHERE id = previous.event_id OFFSET 0) AS p ON true
            WHERE (e.merchant_id, e.mode) IS DISTINCT FROM (a.merchant_id, a.mode)
               OR e.xid IS NULL OR e.xid >= pg_snapshot_xmin(pg_current_snapshot())
               OR a.number > 1 AND previous.number IS NULL
               OR previous.epoch > a.epoch
               OR previous.epoch = a.epoch AND (p.xid, p.id) > (e.xid, e.id))
        THEN
            RAISE EXCEPTION 'events are numbered one by one, in order, below open transactions'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER payments_eventnumber_in_order AFTER INSERT ON payments_eventnumber
        REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION payments_guard_numbers();

    CREATE TRIGGER payments_event_stamped BEFORE INSERT ON payments_event
        FOR EACH ROW WHEN (NEW.xid IS DISTINCT FROM pg_current_xact_id())
        EXECUTE FUNCTION payments_refuse('an event has the id of the transaction that wrote it');

    CREATE TRIGGER payments_eventnumber_append_only BEFORE UPDATE OR DELETE ON payments_eventnumber
        FOR EACH ROW EXECUTE FUNCTION payments_refuse('payments_eventnumber is append-only');
    CREATE TRIGGER payments_eventnumber_not_truncated BEFORE TRUNCATE ON payments_eventnumber
        FOR EACH STATEMENT
        EXECUTE FUNCTION payments_refuse('payments_eventnumber is never truncated');
    CREATE TRIGGER payments_numbering_kept BEFORE DELETE ON payments_numbering
        FOR EACH ROW EXECUTE FUNCTION payments_refuse('the mark of the numbers is never deleted');
    CREATE TRIGGER payments_numbering_not_truncated BEFORE TRUNCATE ON payments_numbering
        FOR EACH STATEMENT
        EXECUTE FUNCTION payments_refuse('payments_numbering is never truncated');

    ALTER TABLE payments_event ENABLE ALWAYS TRIGGER payments_event_stamped;
    ALTER TABLE payments_numbering ENABLE ALWAYS TRIGGER payments_numbering_goes_forward;
    ALTER TABLE payments_numbering ENABLE ALWAYS TRIGGER payments_numbering_kept;
    ALTER TABLE payments_numbering ENABLE ALWAYS TRIGGER payments_numbering_not_truncated;
    ALTER TABLE payments_eventnumber ENABLE ALWAYS TRIGGER payments_eventnumber_in_order;
    ALTER TABLE payments_eventnumber ENABLE ALWAYS TRIGGER payments_eventnumber_append_only;
    ALTER TABLE payments_eventnumber ENABLE ALWAYS TRIGGER payments_eventnumber_not_truncated;
"""
NO_GUARDS = """
    DROP TRIGGER payments_event_stamped ON payments_event;
    DROP FUNCTION payments_guard_numbers() CASCADE;
    DROP FUNCTION payments_guard_numbering() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_merchants_and_keys_end_for_good"),
        ("payments", "0010_actions"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventNumber",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="place",
                        serialize=False,
                        to="payments.event",
                    ),
                ),
                ("mode", models.TextField(choices=[("test", "Test"), ("live", "Live")])),
                ("number", models.BigIntegerField()),
                ("epoch", models.IntegerField(default=0)),
                (
                    "numbered_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.merchant",
                    ),
                ),
            ],
            options={
                "default_permissions": ["view"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("merchant", "mode", "number"), name="event_number_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1)), name="event_number_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", ["test", "live"])),
                        name="event_number_mode_known",
                    ),
                ],
            },
        ),
        PostgresSQL(MARK, NO_MARK),
        PostgresSQL(GUARDS, NO_GUARDS),
    ]
