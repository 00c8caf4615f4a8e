"""Where a payer has to act: said by facts, shown while it is so, and that the payer came back."""

import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

from core.schema import PostgresSQL

_TERMS = "id, payment_id, refund_id, kind, gateway, amount, currency, unasked_id"


def _terms_fixed(*once: str) -> str:
    old, new = (", ".join(f"{row}.{name}" for name in _TERMS.split(", ")) for row in ("OLD", "NEW"))
    kept = "".join(
        f" OR OLD.{name} IS NOT NULL AND OLD.{name} IS DISTINCT FROM NEW.{name}" for name in once
    )
    return f"""
        CREATE OR REPLACE TRIGGER payments_operation_terms_fixed
            BEFORE UPDATE ON payments_operation
            FOR EACH ROW WHEN (({old}) IS DISTINCT FROM ({new}){kept})
            EXECUTE FUNCTION payments_refuse('the terms of an operation never change');
        ALTER TABLE payments_operation ENABLE ALWAYS TRIGGER payments_operation_terms_fixed;
    """


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0009_disputes"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="payment",
            name="payment_action_only_if_required",
        ),
        migrations.AddField(
            model_name="attempt",
            name="action_url",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="notice",
            name="action_url",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="operation",
            name="returned_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("outcome", "requires_action"),
                        models.Q(
                            ("action_url__startswith", "https://"),
                            ("action_url__startswith", "http://"),
                            _connector="OR",
                        ),
                        django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("action_url"), 2048
                        ),
                    ),
                    models.Q(
                        ("outcome", "pending"),
                        models.Q(
                            ("action_url", ""),
                            models.Q(
                                models.Q(
                                    ("action_url__startswith", "https://"),
                                    ("action_url__startswith", "http://"),
                                    _connector="OR",
                                ),
                                django.db.models.lookups.LessThanOrEqual(
                                    django.db.models.functions.text.Length("action_url"), 2048
                                ),
                            ),
                            _connector="OR",
                        ),
                    ),
                    models.Q(
                        models.Q(("outcome__in", ["requires_action", "pending"]), _negated=True),
                        ("action_url", ""),
                    ),
                    _connector="OR",
                ),
                name="attempt_action_iff_required",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("outcome", "requires_action"),
                        models.Q(
                            ("action_url__startswith", "https://"),
                            ("action_url__startswith", "http://"),
                            _connector="OR",
                        ),
                        django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("action_url"), 2048
                        ),
                    ),
                    models.Q(
                        ("outcome", "pending"),
                        models.Q(
                            ("action_url", ""),
                            models.Q(
                                models.Q(
                                    ("action_url__startswith", "https://"),
                                    ("action_url__startswith", "http://"),
                                    _connector="OR",
                                ),
                                django.db.models.lookups.LessThanOrEqual(
                                    django.db.models.functions.text.Length("action_url"), 2048
                                ),
                            ),
                            _connector="OR",
                        ),
                    ),
                    models.Q(
                        models.Q(("outcome__in", ["requires_action", "pending"]), _negated=True),
                        ("action_url", ""),
                    ),
                    _connector="OR",
                ),
                name="notice_action_iff_required",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("returned_at__isnull", True),
                    models.Q(("first_sent_at__isnull", False), ("kind", "charge")),
                    _connector="OR",
                ),
                name="operation_returned_only_if_sent_charge",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("next_action_url", ""), ("status", "REQUIRES_ACTION"), _connector="XOR"
                ),
                name="payment_action_iff_required",
            ),
        ),
        PostgresSQL(_terms_fixed("first_sent_at", "returned_at"), _terms_fixed("first_sent_at")),
    ]
