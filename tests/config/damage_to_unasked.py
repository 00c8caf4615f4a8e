"""Damage to refunds that providers made without us, and to what was booked for them."""

from tests.config.planting import Damage, copy, first

UNASKED = first("payments_operation", "unasked_id <> '' AND kind = 'refund'")
OURS = first(
    "payments_operation",
    f"""
    kind = 'refund' AND unasked_id = ''
    AND payment_id = (SELECT payment_id FROM payments_operation WHERE id = {UNASKED})
    """,
)

OF_UNASKED = {
    "payments-unasked-was-told": [
        Damage(
            f"UPDATE payments_notice SET provider_id = 're_y' WHERE operation_id = {UNASKED}",
            ("webhooks-applied-are-facts", "payments-at-rest-surplus-is-booked"),
        ),
        Damage(
            f"UPDATE payments_operation SET unasked_id = 're_y' WHERE id = {UNASKED}",
        ),
    ],
    "payments-unasked-is-never-sent": [
        Damage(
            copy(
                "payments_attempt",
                "outcome = 'succeeded'",
                operation_id=UNASKED,
                kind="'ask'",
                message_id="gen_random_uuid()",
                provider_key="'another'",
            )
        ),
        Damage(copy("outbox_message", "state = 8", subject_id=UNASKED)),
    ],
    "payments-unasked-is-none-of-ours": [
        Damage(
            f"""
            UPDATE payments_attempt SET provider_id = 're_dashboard' WHERE operation_id = {OURS};
            UPDATE payments_operation SET provider_id = 're_dashboard' WHERE id = {OURS}
            """
        )
    ],
}
