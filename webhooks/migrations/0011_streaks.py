"""When an endpoint failed last, and how long one that let us wait counts as slow."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0010_newest_attempts")]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="failed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="slow_until",
            field=models.DateTimeField(null=True),
        ),
    ]
