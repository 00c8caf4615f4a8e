"""Which account a provider names, if it is another one than ours."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0003_refunds_name_their_charge"),
    ]

    operations = [
        migrations.AddField(
            model_name="providerevent",
            name="account",
            field=models.TextField(db_default="", default=""),
        ),
    ]
