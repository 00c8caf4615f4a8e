"""Which account a provider names, if it is another one; and what a look-up showed besides."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_refunds_nobody_asked_for"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="account",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="notice",
            name="account",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="notice",
            name="attempt",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.attempt",
            ),
        ),
    ]
