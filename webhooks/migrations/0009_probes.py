"""When an endpoint that keeps failing is tried next, and which delivery need not wait for that."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0008_guards_of_what_goes_out")]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="probe_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="is_asked",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
