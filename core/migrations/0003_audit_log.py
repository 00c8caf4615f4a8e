"""The audit log: who did what, and why; it only grows."""

import core.ids
import core.schema
import django.core.serializers.json
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

from core.schema import PostgresSQL


# ALWAYS: a session with session_replication_role = replica skips ordinary triggers.
GUARDS = """
    CREATE FUNCTION core_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE FUNCTION core_stamp_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- Whatever the caller named: nothing was done earlier than it was written down.
        NEW.at := now();
        NEW.xid := pg_current_xact_id();
        RETURN NEW;
    END $$;

    CREATE TRIGGER core_auditentry_stamped BEFORE INSERT ON core_auditentry
        FOR EACH ROW EXECUTE FUNCTION core_stamp_audit();
    CREATE TRIGGER core_auditentry_append_only BEFORE UPDATE OR DELETE ON core_auditentry
        FOR EACH ROW EXECUTE FUNCTION core_refuse('core_auditentry is append-only');
    CREATE TRIGGER core_auditentry_not_truncated BEFORE TRUNCATE ON core_auditentry
        FOR EACH STATEMENT EXECUTE FUNCTION core_refuse('core_auditentry is append-only');
    ALTER TABLE core_auditentry ENABLE ALWAYS TRIGGER core_auditentry_stamped;
    ALTER TABLE core_auditentry ENABLE ALWAYS TRIGGER core_auditentry_append_only;
    ALTER TABLE core_auditentry ENABLE ALWAYS TRIGGER core_auditentry_not_truncated;
"""
NO_GUARDS = """
    DROP TRIGGER core_auditentry_stamped ON core_auditentry;
    DROP TRIGGER core_auditentry_append_only ON core_auditentry;
    DROP TRIGGER core_auditentry_not_truncated ON core_auditentry;
    DROP FUNCTION core_stamp_audit();
    DROP FUNCTION core_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_scopes_are_a_list"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor", models.TextField()),
                ("action", models.TextField()),
                ("subject_type", models.TextField()),
                ("subject_id", models.TextField()),
                ("reason", models.TextField()),
                (
                    "before",
                    models.JSONField(
                        default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder
                    ),
                ),
                (
                    "after",
                    models.JSONField(
                        default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder
                    ),
                ),
                ("request_id", models.TextField(default="")),
                ("xid", core.schema.XidField()),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "default_permissions": ["view"],
                "indexes": [
                    models.Index(fields=["subject_id", "-id"], name="audit_by_subject"),
                    models.Index(fields=["actor", "-id"], name="audit_by_actor"),
                    models.Index(fields=["action", "-id"], name="audit_by_action"),
                    models.Index(fields=["at"], name="audit_by_time"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.GreaterThan(
                                django.db.models.functions.text.Length(
                                    django.db.models.functions.text.Trim("actor")
                                ),
                                0,
                            )
                        ),
                        name="audit_says_actor",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.GreaterThan(
                                django.db.models.functions.text.Length(
                                    django.db.models.functions.text.Trim("action")
                                ),
                                0,
                            )
                        ),
                        name="audit_says_action",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.GreaterThan(
                                django.db.models.functions.text.Length(
                                    django.db.models.functions.text.Trim("subject_id")
                                ),
                                0,
                            )
                        ),
                        name="audit_says_subject_id",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.GreaterThan(
                                django.db.models.functions.text.Length(
                                    django.db.models.functions.text.Trim("reason")
                                ),
                                0,
                            )
                        ),
                        name="audit_says_reason",
                    ),
                ],
            },
        ),
        PostgresSQL(GUARDS, NO_GUARDS),
    ]
