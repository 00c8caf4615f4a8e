"""How often in a row a message's starts lapsed: the second time makes it run alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("outbox", "0004_acts_need_permission"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="lapses",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("lapses__gte", 0), ("lapses__lte", models.F("starts"))),
                name="outbox_lapses_within_starts",
            ),
        ),
    ]
