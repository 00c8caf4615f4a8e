"""Where a provider says that a payer has to act."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0005_dispute_fees"),
    ]

    operations = [
        migrations.AddField(
            model_name="providerevent",
            name="action_url",
            field=models.TextField(db_default="", default=""),
        ),
    ]
