"""What people had seen when they ended a review, and who may do so."""

import core.ids
import core.schema
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from core.schema import PostgresSQL


GUARDS = """
    CREATE TRIGGER payments_seen_append_only BEFORE UPDATE OR DELETE ON payments_seen
        FOR EACH ROW EXECUTE FUNCTION payments_refuse('payments_seen is append-only');
    CREATE TRIGGER payments_seen_not_truncated BEFORE TRUNCATE ON payments_seen
        FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse('payments_seen is never truncated');
    ALTER TABLE payments_seen ENABLE ALWAYS TRIGGER payments_seen_append_only;
    ALTER TABLE payments_seen ENABLE ALWAYS TRIGGER payments_seen_not_truncated;
"""
NO_GUARDS = """
    DROP TRIGGER payments_seen_append_only ON payments_seen;
    DROP TRIGGER payments_seen_not_truncated ON payments_seen;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0003_audit_log"),
        ("payments", "0003_unknown_outcomes"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="payment",
            options={
                "permissions": [
                    ("inquire_payment", "Can have the provider asked now"),
                    ("end_review", "Can end a review"),
                ]
            },
        ),
        migrations.CreateModel(
            name="Seen",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("outcome", models.TextField()),
                ("provider_id", models.TextField(default="")),
                ("amount", models.BigIntegerField(null=True)),
                ("currency", models.TextField(default="")),
                (
                    "seen_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("xid", core.schema.XidField()),
                (
                    "audit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.auditentry",
                    ),
                ),
                (
                    "operation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="seen",
                        to="payments.operation",
                    ),
                ),
            ],
            options={
                "default_permissions": ["view"],
            },
        ),
        PostgresSQL(GUARDS, NO_GUARDS),
    ]
