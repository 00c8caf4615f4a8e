"""Which charge a refund gives back: somebody may have made it at the provider, without us."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0002_closed_by_people")]

    operations = [
        migrations.AddField(
            model_name="providerevent",
            name="charge_reference",
            field=models.TextField(db_default="", default=""),
        ),
    ]
