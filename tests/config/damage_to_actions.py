"""Damage to payments that wait, or waited, for their payer."""

from tests.config.planting import DOUBTED, Damage, charge

OLD = f"""
    UPDATE payments_attempt SET answered_at = now() - interval '1 hour'
    WHERE operation_id = {charge(DOUBTED)}
"""
# Nothing of it moved, and nobody refused it.
ASKS = f"""
    {OLD};
    UPDATE payments_attempt
    SET outcome = 'requires_action', action_url = 'https://pay.test/x', amount = NULL
    WHERE operation_id = {charge(DOUBTED)}
"""

OF_ACTIONS = {
    "payments-wait-where-their-provider-says": [
        Damage(ASKS),
        Damage(
            f"""
            {ASKS}; UPDATE payments_payment
            SET status = 'REQUIRES_ACTION', next_action_url = 'https://pay.test/elsewhere'
            WHERE id = {DOUBTED}
            """,
            ("payments-history-ends-at-status",),
        ),
    ]
}
