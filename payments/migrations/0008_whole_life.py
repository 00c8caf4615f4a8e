"""The whole life of a payment: held and captured later, waiting for the payer, let go, run out.

Every new column has its default in the database, and no row that the release before writes is
refused, so both may run at once.
"""

from django.db import migrations, models

from core.schema import PostgresSQL

MOVES = """
    ('CREATED', 'PROCESSING'), ('CREATED', 'CANCELED'),
    ('PROCESSING', 'REQUIRES_ACTION'), ('PROCESSING', 'AUTHORIZED'), ('PROCESSING', 'SUCCESS'),
    ('PROCESSING', 'FAILED'), ('PROCESSING', 'CANCELED'), ('PROCESSING', 'EXPIRED'),
    ('REQUIRES_ACTION', 'PROCESSING'), ('REQUIRES_ACTION', 'AUTHORIZED'),
    ('REQUIRES_ACTION', 'SUCCESS'), ('REQUIRES_ACTION', 'FAILED'),
    ('REQUIRES_ACTION', 'CANCELED'), ('REQUIRES_ACTION', 'EXPIRED'),
    ('AUTHORIZED', 'SUCCESS'), ('AUTHORIZED', 'CANCELED'), ('AUTHORIZED', 'EXPIRED'),
    ('SUCCESS', 'REFUNDED'),
    ('FAILED', 'AUTHORIZED'), ('FAILED', 'SUCCESS'), ('FAILED', 'CANCELED'), ('FAILED', 'EXPIRED'),
    ('CANCELED', 'SUCCESS'),
    ('EXPIRED', 'AUTHORIZED'), ('EXPIRED', 'SUCCESS'), ('EXPIRED', 'CANCELED')"""
MOVES_BEFORE = """
    ('CREATED', 'PROCESSING'), ('PROCESSING', 'SUCCESS'), ('PROCESSING', 'FAILED'),
    ('SUCCESS', 'REFUNDED'), ('FAILED', 'SUCCESS')"""
OPERATION_MOVES = """
    ('open', 'succeeded'), ('open', 'failed'), ('open', 'closed'), ('failed', 'succeeded'),
    ('closed', 'succeeded')"""
OPERATION_MOVES_BEFORE = "('open', 'succeeded'), ('open', 'failed'), ('failed', 'succeeded')"
_TERMS = "id, merchant_id, mode, amount, currency, gateway, created_at"


def _machine(moves: str, operation_moves: str, terms: str) -> str:
    old, new = (", ".join(f"{row}.{name}" for name in terms.split(", ")) for row in ("OLD", "NEW"))
    return f"""
        CREATE OR REPLACE TRIGGER payments_payment_legal_move BEFORE UPDATE ON payments_payment
            FOR EACH ROW WHEN (
                OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN ({moves}))
            EXECUTE FUNCTION payments_refuse('a payment has no such move');
        CREATE OR REPLACE TRIGGER payments_payment_terms_fixed BEFORE UPDATE ON payments_payment
            FOR EACH ROW WHEN (({old}) IS DISTINCT FROM ({new}))
            EXECUTE FUNCTION payments_refuse('the terms of a payment never change');
        CREATE OR REPLACE TRIGGER payments_operation_once_settled
            BEFORE UPDATE ON payments_operation
            FOR EACH ROW WHEN (
                OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({operation_moves}))
            EXECUTE FUNCTION payments_refuse('an operation has no such move');
        ALTER TABLE payments_payment ENABLE ALWAYS TRIGGER payments_payment_legal_move;
        ALTER TABLE payments_payment ENABLE ALWAYS TRIGGER payments_payment_terms_fixed;
        ALTER TABLE payments_operation ENABLE ALWAYS TRIGGER payments_operation_once_settled;
    """


class Migration(migrations.Migration):
    dependencies = [("payments", "0007_references_name_one_payment")]

    operations = [
        migrations.RemoveConstraint(
            model_name="operation",
            name="operation_kind_known",
        ),
        migrations.RemoveConstraint(
            model_name="operation",
            name="operation_state_known",
        ),
        migrations.RemoveConstraint(
            model_name="operation",
            name="operation_refund_iff_refund",
        ),
        migrations.RemoveConstraint(
            model_name="operation",
            name="operation_rechecked_only_if_failed",
        ),
        migrations.RemoveConstraint(
            model_name="operation",
            name="operation_unasked_once",
        ),
        migrations.RemoveConstraint(
            model_name="operation",
            name="operation_unasked_never_sent",
        ),
        migrations.RemoveConstraint(
            model_name="payment",
            name="payment_status_known",
        ),
        migrations.AddField(
            model_name="operation",
            name="claims",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="payment",
            name="capture_method",
            field=models.TextField(
                choices=[("automatic", "Automatic"), ("manual", "Manual")],
                db_default="automatic",
                default="automatic",
            ),
        ),
        migrations.AddField(
            model_name="payment",
            name="next_action_url",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AlterField(
            model_name="operation",
            name="kind",
            field=models.TextField(
                choices=[
                    ("charge", "Charge"),
                    ("capture", "Capture"),
                    ("void", "Void"),
                    ("refund", "Refund"),
                ]
            ),
        ),
        migrations.AlterField(
            model_name="operation",
            name="state",
            field=models.TextField(
                choices=[
                    ("open", "Open"),
                    ("succeeded", "Succeeded"),
                    ("failed", "Failed"),
                    ("closed", "Closed"),
                ],
                default="open",
            ),
        ),
        migrations.AlterField(
            model_name="payment",
            name="status",
            field=models.TextField(
                choices=[
                    ("CREATED", "Created"),
                    ("PROCESSING", "Processing"),
                    ("REQUIRES_ACTION", "Requires Action"),
                    ("AUTHORIZED", "Authorized"),
                    ("SUCCESS", "Success"),
                    ("FAILED", "Failed"),
                    ("CANCELED", "Canceled"),
                    ("EXPIRED", "Expired"),
                    ("REFUNDED", "Refunded"),
                ],
                default="CREATED",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["charge", "capture", "void", "refund"])),
                name="operation_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "succeeded", "failed", "closed"])),
                name="operation_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("claims__isnull", False)),
                fields=("claims",),
                name="operation_one_open_for_a_hold",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("claims", models.F("payment")),
                        ("claims__isnull", False),
                        ("kind__in", ["capture", "void"]),
                        ("state", "open"),
                        ("unasked_id", ""),
                    ),
                    models.Q(
                        ("claims__isnull", True),
                        models.Q(
                            models.Q(("kind__in", ["capture", "void"]), _negated=True),
                            models.Q(("state", "open"), _negated=True),
                            models.Q(("unasked_id", ""), _negated=True),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="operation_claims_while_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "refund"), ("refund__isnull", False)),
                    models.Q(models.Q(("kind", "refund"), _negated=True), ("refund__isnull", True)),
                    _connector="OR",
                ),
                name="operation_refund_iff_refund",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "closed"), _negated=True),
                    ("kind", "charge"),
                    _connector="OR",
                ),
                name="operation_closed_only_if_charge",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("unasked_id", ""), _negated=True),
                fields=("gateway", "unasked_id", "kind"),
                name="operation_unasked_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("unasked_id", ""),
                    models.Q(
                        models.Q(("kind", "charge"), _negated=True),
                        ("first_sent_at__isnull", True),
                        ("provider_id", models.F("unasked_id")),
                    ),
                    _connector="OR",
                ),
                name="operation_unasked_never_sent",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("recheck_at__isnull", True),
                    ("state", "failed"),
                    models.Q(("kind", "charge"), ("state", "succeeded")),
                    _connector="OR",
                ),
                name="operation_rechecked_only_if_it_may_change",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "CREATED",
                            "PROCESSING",
                            "REQUIRES_ACTION",
                            "AUTHORIZED",
                            "SUCCESS",
                            "FAILED",
                            "CANCELED",
                            "EXPIRED",
                            "REFUNDED",
                        ],
                    )
                ),
                name="payment_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("capture_method__in", ["automatic", "manual"])),
                name="payment_capture_method_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("next_action_url", ""), ("status", "REQUIRES_ACTION"), _connector="OR"
                ),
                name="payment_action_only_if_required",
            ),
        ),
        PostgresSQL(
            _machine(MOVES, OPERATION_MOVES, f"{_TERMS}, capture_method"),
            _machine(MOVES_BEFORE, OPERATION_MOVES_BEFORE, _TERMS),
        ),
    ]
