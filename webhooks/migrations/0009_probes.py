"""When an endpoint that keeps failing is tried next, and the newest attempts of each delivery."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0008_guards_of_what_goes_out")]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="probe_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="deliveryattempt",
            index=models.Index(fields=["delivery", "id"], name="delivery_attempt_newest_first"),
        ),
        migrations.AlterField(
            model_name="deliveryattempt",
            name="delivery",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="attempts",
                to="webhooks.delivery",
            ),
        ),
        migrations.RemoveConstraint(
            model_name="deliveryattempt",
            name="delivery_attempt_once_per_start",
        ),
        migrations.AddConstraint(
            model_name="deliveryattempt",
            constraint=models.UniqueConstraint(
                fields=("message_id", "epoch", "delivery"), name="delivery_attempt_once_per_start"
            ),
        ),
    ]
