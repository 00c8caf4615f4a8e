"""What an operator may be allowed to do to a message, each by itself."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("outbox", "0003_dead_by_subject"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="message",
            options={
                "permissions": [
                    ("replay_message", "Can make a message due now"),
                    ("hold_message", "Can keep a message from running"),
                    ("release_message", "Can let a held message run"),
                ]
            },
        ),
    ]
