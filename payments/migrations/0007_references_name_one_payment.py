"""A reference names one payment of a merchant and mode; refunds and operations by payment and id.

Two payments with one reference stop it before anything is changed: nobody but the merchant knows
which of them it means (ADR 0018, and docs/operations.md for what to do).
"""

from typing import Any

from django.core.management.base import CommandError
from django.db import migrations, models
from django.db.models import Count
import django.db.models.deletion

from core.schema import PostgresSQL

_NAMED = 5


def refuse_duplicates(apps: Any, schema_editor: Any) -> None:
    """Stop if references are taken more than once, and say how many.

    :raises CommandError: if so
    """
    payments = apps.get_model("payments", "Payment").objects.using(schema_editor.connection.alias)
    taken = payments.exclude(reference="").values("merchant_id", "mode", "reference")
    several = taken.annotate(payments=Count("id")).filter(payments__gt=1)
    count = several.count()
    if not count:
        return
    first = several.order_by("merchant_id", "mode", "reference")[:_NAMED]
    named = "; ".join(f"{one['merchant_id']} {one['mode']}" for one in first)
    message = (
        f"{count} references have more than one payment each, and may have one from now on."
        f" Nothing was changed. They are those of merchant {named}"
        f"{' …' if count > _NAMED else ''}."
        " docs/operations.md says how to find them and what to do (References that are taken twice)."
    )
    raise CommandError(message)


_FOREIGN_KEY_INDEXES = {
    "operation": "payments_operation_payment_id_33bd387a",
    "refund": "payments_refund_payment_id_a70693f7",
}


def _foreign_key_index(model: str, name: str) -> str:
    return f"CREATE INDEX {name} ON payments_{model} (payment_id)"


def _without_index(model: str) -> migrations.AlterField:
    return migrations.AlterField(
        model_name=model,
        name="payment",
        field=models.ForeignKey(
            db_index=False,
            on_delete=django.db.models.deletion.PROTECT,
            related_name=f"{model}s",
            to="payments.payment",
        ),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0006_other_accounts"),
    ]

    operations = [
        migrations.RunPython(refuse_duplicates, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("reference", ""), _negated=True),
                fields=("merchant", "mode", "reference"),
                name="payment_reference_once",
            ),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(fields=["payment", "id"], name="operation_of_payment"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["payment", "id"], name="refund_of_payment"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(fields=["merchant", "mode", "id"], name="payment_of_merchant"),
        ),
        migrations.RemoveIndex(model_name="payment", name="payment_newest_first"),
        # By their names: Django's own way drops every other index over the one column, too, those
        # that keep a payment to one charge and to one refund of the rest. On SQLite they stay.
        *(
            migrations.SeparateDatabaseAndState(
                [PostgresSQL(f"DROP INDEX IF EXISTS {index}", _foreign_key_index(model, index))],
                [_without_index(model)],
            )
            for model, index in _FOREIGN_KEY_INDEXES.items()
        ),
    ]
