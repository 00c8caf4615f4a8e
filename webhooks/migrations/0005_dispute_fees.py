"""What a provider takes for a dispute, where its webhook says so."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0004_other_accounts"),
    ]

    operations = [
        migrations.AddField(
            model_name="providerevent",
            name="fee",
            field=models.BigIntegerField(null=True),
        ),
    ]
