"""Damage to payments whose money was held first."""

from tests.config.planting import Damage, charge, first

HELD = first("payments_payment", "status = 'AUTHORIZED'")
LET_GO = first(
    "payments_payment",
    "status = 'CANCELED' AND id IN (SELECT payment_id FROM payments_operation WHERE kind = 'void')",
)
UNSENT = first("payments_payment", "status = 'CANCELED' AND id NOT IN"
               " (SELECT payment_id FROM payments_operation WHERE kind = 'void')")  # fmt: skip
CAPTURED = first(
    "payments_payment",
    "status = 'SUCCESS' AND amount_captured < amount",
)
_CAPTURE = first("payments_operation", f"kind = 'capture' AND payment_id = {CAPTURED}")
_VOID = first("payments_operation", f"kind = 'void' AND payment_id = {LET_GO}")

OF_HOLDS = {
    "payments-holds-are-claimed-once": [
        Damage(f"UPDATE payments_operation SET claims = payment_id WHERE id = {_CAPTURE}"),
        Damage(f"UPDATE payments_operation SET claims = payment_id WHERE id = {charge(HELD)}"),
    ],
    "payments-closed-are-unsent": [
        Damage(
            f"""
            UPDATE outbox_message SET state = 0, finished_at = NULL
            WHERE subject_id = {charge(UNSENT)}
            """,
            ("payments-at-rest-no-message-waits",),
        ),
    ],
    "payments-held-are-looked-at": [
        Damage(f"UPDATE payments_operation SET recheck_at = NULL WHERE id = {charge(HELD)}"),
        Damage(f"UPDATE payments_operation SET recheck_at = now() WHERE id = {charge(CAPTURED)}"),
    ],
    "payments-taken-and-let-go-is-reviewed": [
        Damage(
            f"""
            UPDATE payments_operation SET kind = 'void', amount = 1000, unasked_id = 'v',
                   provider_id = 'v', first_sent_at = NULL
            WHERE id = {charge(CAPTURED)}
            """,
            (
                "payments-have-operations",
                "payments-first-send-is-remembered",
                "payments-unasked-was-told",
                "payments-unasked-is-never-sent",
            ),
        )
    ],
}
