"""What the serving role may know of what operators did to payments: that they did (ADR 0022)."""

from django.db import migrations

from core.schema import PostgresSQL

ACTS = """
    CREATE VIEW payments_operatoract WITH (security_barrier) AS
        SELECT id, at, action, subject_id, xid FROM core_auditentry
        WHERE subject_type IN ('payment', 'message', 'provider_event');
"""
NO_ACTS = "DROP VIEW payments_operatoract"


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_merchants_and_keys_end_for_good"),
        ("payments", "0012_events_in_order"),
    ]

    operations = [PostgresSQL(ACTS, NO_ACTS)]
