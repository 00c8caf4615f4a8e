"""Find the newest attempts of each delivery by ``(delivery, id)``, keeping nobody waiting.

No other index begins with the delivery then, or the planner would take that one and sort.
"""

import django.db.models.deletion
from django.db import migrations, models

from core.schema import PostgresSQL

# Each can be run again after it was interrupted.
NO_INDEX = "DROP INDEX CONCURRENTLY IF EXISTS delivery_attempt_newest_first"
INDEX = (
    "CREATE INDEX CONCURRENTLY delivery_attempt_newest_first"
    " ON webhooks_deliveryattempt (delivery_id, id)"
)
NO_OTHER = "DROP INDEX CONCURRENTLY IF EXISTS delivery_attempt_once_anew"


def _other(columns: str) -> str:
    return (
        "CREATE UNIQUE INDEX CONCURRENTLY delivery_attempt_once_anew"
        f" ON webhooks_deliveryattempt ({columns})"
    )


# The index gets the name of its constraint.
SWAP = """
    ALTER TABLE webhooks_deliveryattempt
        DROP CONSTRAINT IF EXISTS delivery_attempt_once_per_start,
        ADD CONSTRAINT delivery_attempt_once_per_start
            UNIQUE USING INDEX delivery_attempt_once_anew
"""
OF_KEY = "webhooks_deliveryattempt_delivery_id_a3a82286"
NO_INDEX_OF_KEY = f"DROP INDEX CONCURRENTLY IF EXISTS {OF_KEY}"
INDEX_OF_KEY = f"CREATE INDEX CONCURRENTLY {OF_KEY} ON webhooks_deliveryattempt (delivery_id)"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("webhooks", "0009_probes")]

    operations = [
        PostgresSQL(NO_INDEX, PostgresSQL.noop),
        PostgresSQL(INDEX, NO_INDEX),
        PostgresSQL(NO_OTHER, SWAP),
        PostgresSQL(
            _other("message_id, epoch, delivery_id"), _other("delivery_id, message_id, epoch")
        ),
        PostgresSQL(SWAP, NO_OTHER),
        PostgresSQL(NO_INDEX_OF_KEY, INDEX_OF_KEY),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(
                    "deliveryattempt",
                    models.Index(fields=["delivery", "id"], name="delivery_attempt_newest_first"),
                ),
                migrations.AlterField(
                    "deliveryattempt",
                    "delivery",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="webhooks.delivery",
                    ),
                ),
                migrations.RemoveConstraint("deliveryattempt", "delivery_attempt_once_per_start"),
                migrations.AddConstraint(
                    "deliveryattempt",
                    models.UniqueConstraint(
                        fields=("message_id", "epoch", "delivery"),
                        name="delivery_attempt_once_per_start",
                    ),
                ),
            ],
        ),
    ]
