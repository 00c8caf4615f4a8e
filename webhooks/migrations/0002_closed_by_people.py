"""What a person may do about a parked event, and that one they closed calls for nobody."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="providerevent",
            options={
                "permissions": [
                    ("apply_providerevent", "Can have a parked provider event applied once more"),
                    ("close_providerevent", "Can close a parked provider event"),
                ]
            },
        ),
        migrations.AddField(
            model_name="providerevent",
            name="closed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name="providerevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("closed_at__isnull", True),
                    ("parked_at__isnull", False),
                    _connector="OR",
                ),
                name="provider_event_closed_was_parked",
            ),
        ),
        migrations.RemoveIndex(
            model_name="providerevent",
            name="provider_event_parked",
        ),
        migrations.AddIndex(
            model_name="providerevent",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", True), ("parked_at__isnull", False)),
                fields=["id"],
                name="provider_event_parked",
            ),
        ),
    ]
