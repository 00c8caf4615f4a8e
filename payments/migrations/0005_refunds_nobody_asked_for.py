"""Refunds that a provider made by itself: each once, and nothing is ever sent for one."""

from django.db import migrations, models

from core.schema import PostgresSQL

_OLD = """
    OLD.id, OLD.payment_id, OLD.refund_id, OLD.kind, OLD.gateway, OLD.amount, OLD.currency"""
_NEW = _OLD.replace("OLD.", "NEW.")


def _terms_fixed(old: str, new: str) -> str:
    return f"""
        CREATE OR REPLACE TRIGGER payments_operation_terms_fixed BEFORE UPDATE ON payments_operation
            FOR EACH ROW WHEN (
                ({old}) IS DISTINCT FROM ({new})
                OR OLD.first_sent_at IS NOT NULL AND OLD.first_sent_at IS DISTINCT FROM
                    NEW.first_sent_at)
            EXECUTE FUNCTION payments_refuse('the terms of an operation never change');
        ALTER TABLE payments_operation ENABLE ALWAYS TRIGGER payments_operation_terms_fixed;
    """


class Migration(migrations.Migration):
    dependencies = [("payments", "0004_seen_by_people")]

    operations = [
        migrations.AddField(
            model_name="operation",
            name="unasked_id",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("unasked_id", ""), _negated=True),
                fields=("gateway", "unasked_id"),
                name="operation_unasked_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("unasked_id", ""),
                    models.Q(
                        ("first_sent_at__isnull", True),
                        ("kind", "refund"),
                        ("provider_id", models.F("unasked_id")),
                    ),
                    _connector="OR",
                ),
                name="operation_unasked_never_sent",
            ),
        ),
        PostgresSQL(
            _terms_fixed(f"{_OLD}, OLD.unasked_id", f"{_NEW}, NEW.unasked_id"),
            _terms_fixed(_OLD, _NEW),
        ),
    ]
