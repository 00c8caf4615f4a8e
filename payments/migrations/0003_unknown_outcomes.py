"""Partial indexes for the gauges of unknown outcomes: nearly empty, and only read by /metrics."""

from django.db import migrations

from core.schema import PostgresSQL


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_states_and_history")]
    operations = [
        PostgresSQL(
            f"CREATE INDEX {table}_unknown_outcome ON {table} (outcome_unknown_since) "
            "WHERE outcome_unknown_since IS NOT NULL",
            f"DROP INDEX {table}_unknown_outcome",
        )
        for table in ("payments_payment", "payments_refund")
    ]
