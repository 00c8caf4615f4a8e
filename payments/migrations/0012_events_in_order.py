"""Find events by ``(xid, id)``, the order of their numbers; built without keeping anybody waiting."""

from django.db import migrations, models

from core.schema import PostgresSQL

# Can be run again after it was interrupted.
LEFTOVER = "DROP INDEX CONCURRENTLY IF EXISTS event_in_order"
BUILD = "CREATE INDEX CONCURRENTLY event_in_order ON payments_event (xid, id)"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("payments", "0011_event_numbers")]

    operations = [
        PostgresSQL(LEFTOVER, PostgresSQL.noop),
        PostgresSQL(BUILD, LEFTOVER),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(
                    "event", models.Index(fields=["xid", "id"], name="event_in_order")
                ),
            ]
        ),
    ]
