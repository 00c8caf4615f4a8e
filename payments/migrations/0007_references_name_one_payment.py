"""A reference names one payment of a merchant and mode; refunds and operations by payment and id.

Two payments with one reference stop it before anything is changed: nobody but the merchant knows
which of them it means (ADR 0017, and docs/operations.md for what to do).
"""

from typing import Any

from django.core.management.base import CommandError
from django.db import migrations, models
from django.db.models import Count
import django.db.models.deletion

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
        # Last, because they lock their tables: what the new indexes do better goes.
        migrations.RemoveIndex(model_name="payment", name="payment_newest_first"),
        migrations.AlterField(
            model_name="operation",
            name="payment",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="operations",
                to="payments.payment",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="payment",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="payments.payment",
            ),
        ),
    ]
