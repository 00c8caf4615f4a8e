"""Damage to the history of payments and to the facts about them."""

from tests.config.planting import DOUBTED, FAILED, FAILED_REFUND, PLAIN, Damage, charge, copy, first

OLD = "UPDATE payments_attempt SET answered_at = now() - interval '1 hour'"
SUCCEEDED_AFTER_ALL = copy(
    "payments_attempt",
    f"operation_id = {charge(FAILED)}",
    kind="'ask'",
    message_id="gen_random_uuid()",
    outcome="'succeeded'",
    amount="300",
    currency="'INR'",
)
UNREVIEWED = "UPDATE payments_payment SET needs_review = false"
OPEN_AT_REST = ("payments-at-rest-no-message-waits", "payments-at-rest-operations-settled")

OF_HISTORY = {
    "payments-no-card-numbers": [
        Damage("UPDATE payments_payment SET description = 'x 5555555555554444'"),
        Damage("UPDATE payments_event SET payload = '{\"number\": 2223003122003222}'"),
    ],
    "payments-no-secrets": [Damage("UPDATE payments_attempt SET detail = 'sk_test_12345678'")],
    "payments-history-moves-are-legal": [
        Damage(
            f"""
            UPDATE payments_statuschange SET after = 'CREATED'
            WHERE payment_id = {FAILED} AND version = 2;
            UPDATE payments_statuschange SET before = 'CREATED'
            WHERE payment_id = {FAILED} AND version = 3
            """
        )
    ],
    "payments-history-has-no-gap": [
        Damage(f"DELETE FROM payments_statuschange WHERE payment_id = {PLAIN} AND version = 2"),
        Damage(
            f"""
            UPDATE payments_statuschange SET version = 1
            WHERE payment_id = {PLAIN} AND version = 2
            """,
            ("payments-changes-are-told",),
        ),
    ],
    "payments-history-ends-at-status": [
        Damage(f"UPDATE payments_payment SET version = version + 1 WHERE id = {PLAIN}"),
        Damage(f"UPDATE payments_refund SET version = version + 1 WHERE id = {FAILED_REFUND}"),
    ],
    "payments-late-success-by-a-provider": [
        Damage("UPDATE payments_statuschange SET cause = 'operator' WHERE before = 'FAILED'")
    ],
    "payments-status-follows-operation": [
        Damage(
            f"""
            UPDATE payments_operation SET state = 'open', settled_at = NULL
            WHERE refund_id = {FAILED_REFUND}
            """,
            (
                "payments-nothing-is-forgotten",
                "payments-at-rest-facts-are-applied",
                "payments-at-rest-operations-settled",
            ),
        )
    ],
    "payments-created-means-unheard": [
        Damage(
            f"""
            DELETE FROM payments_statuschange WHERE payment_id = {DOUBTED};
            UPDATE payments_payment SET status = 'CREATED', version = 1 WHERE id = {DOUBTED}
            """
        )
    ],
    "payments-have-operations": [
        Damage(f"DELETE FROM payments_operation WHERE refund_id = {FAILED_REFUND}")
    ],
    "payments-operations-fit": [
        Damage(f"UPDATE payments_operation SET {change} WHERE refund_id = {FAILED_REFUND}")
        for change in ("gateway = 'mock_success'", "kind = 'capture'")
    ],
    "payments-refunds-fit": [
        Damage(f"UPDATE payments_refund SET currency = 'EUR' WHERE id = {FAILED_REFUND}")
    ],
    "payments-events-fit": [
        Damage(
            "UPDATE payments_event SET mode = 'live' WHERE type = 'refund.failed'",
            ("payments-event-numbers-fit",),
        ),
        Damage(
            copy("payments_event", "true", aggregateid="gen_random_uuid()", created_at="now()"),
            ("payments-events-behind-the-mark-are-numbered",),
        ),
    ],
}
OF_FACTS = {
    "payments-success-has-its-fact": [
        Damage(f"UPDATE payments_attempt SET amount = 1 WHERE operation_id = {charge(PLAIN)}")
    ],
    "payments-failure-has-its-fact": [
        Damage(
            f"UPDATE payments_attempt SET outcome = 'pending' WHERE operation_id = {charge(FAILED)}"
        ),
        Damage(
            f"""
            UPDATE payments_attempt SET amount = 1, currency = 'INR'
            WHERE operation_id = {charge(FAILED)}
            """
        ),
    ],
    "payments-facts-are-applied": [
        Damage(f"{SUCCEEDED_AFTER_ALL}; {OLD}", ("payments-at-rest-facts-are-applied",))
    ],
    "payments-at-rest-facts-are-applied": [Damage(SUCCEEDED_AFTER_ALL)],
    "payments-strange-money-is-reviewed": [
        Damage(
            f"""
            {SUCCEEDED_AFTER_ALL};
            UPDATE payments_attempt SET amount = 1 WHERE kind = 'ask' AND amount = 300;
            {OLD}
            """
        )
    ],
    "payments-reviews-ended-by-somebody": [
        Damage("UPDATE core_auditentry SET subject_id = 'another'"),
        Damage("UPDATE core_auditentry SET action = 'payment.seen'"),
        Damage(
            "DELETE FROM payments_event WHERE type = 'payment.review_ended'",
            ("payments-event-numbers-fit",),
        ),
        Damage("UPDATE payments_seen SET audit_id = gen_random_uuid()"),
    ],
    "payments-one-key-per-operation": [
        Damage(
            f"""
            UPDATE payments_attempt SET provider_key = 'another' WHERE id =
            {first("payments_attempt", f"operation_id = {charge(DOUBTED)}")}
            """
        )
    ],
    "payments-one-operation-per-key": [
        Damage(
            f"""
            UPDATE payments_attempt SET provider_key = 'shared'
            WHERE operation_id IN ({charge(PLAIN)}, {charge(FAILED)})
            """
        )
    ],
    "payments-one-attempt-per-start": [
        Damage(
            f"""
            UPDATE payments_attempt SET epoch = 1
            WHERE operation_id = {charge(DOUBTED)} AND epoch = 2
            """
        )
    ],
    "payments-attempts-of-real-starts": [
        Damage(f"UPDATE payments_attempt SET epoch = 99 WHERE operation_id = {charge(PLAIN)}"),
        Damage(
            f"""
            UPDATE payments_attempt SET epoch = 0
            WHERE operation_id = {charge(DOUBTED)} AND epoch = 2
            """,
            ("payments-epochs-only-grow",),
        ),
        Damage(copy("payments_attempt", f"operation_id = {charge(PLAIN)}", epoch="0")),
    ],
    "payments-first-send-is-remembered": [
        Damage(f"UPDATE payments_operation SET first_sent_at = NULL WHERE id = {charge(PLAIN)}")
    ],
    "payments-settled-are-not-sent": [
        Damage(
            f"""
            UPDATE payments_attempt SET intended_at = now() + interval '1 hour'
            WHERE operation_id = {charge(PLAIN)}
            """
        )
    ],
    "payments-epochs-only-grow": [
        Damage(
            f"""
            UPDATE payments_attempt SET intended_at = now() + interval '1 hour'
            WHERE operation_id = {charge(DOUBTED)} AND epoch = 1
            """
        )
    ],
    "payments-answers-have-an-outcome": [
        Damage(
            f"""
            UPDATE payments_attempt SET answered_at = NULL
            WHERE operation_id = {charge(DOUBTED)} AND epoch = 2
            """
        )
    ],
    "payments-nothing-is-forgotten": [
        Damage(
            f"DELETE FROM outbox_message WHERE state = 0; {UNREVIEWED}",
            ("payments-at-rest-operations-settled",),
        )
    ],
    "payments-dead-messages-are-reviewed": [
        Damage(
            f"""
            {copy("outbox_message", "state = 0", state="9", finished_at="now()")};
            {UNREVIEWED}
            """,
            OPEN_AT_REST,
        )
    ],
    "payments-at-rest-no-message-waits": [
        Damage(copy("outbox_message", "state = 0", subject_id="gen_random_uuid()"))
    ],
    "payments-at-rest-operations-settled": [
        Damage(UNREVIEWED, ("payments-at-rest-no-message-waits",))
    ],
    "payments-no-second-send-without-keys": [
        Damage(
            copy(
                "payments_attempt",
                f"operation_id = {charge(FAILED)}",
                message_id="gen_random_uuid()",
            )
        )
    ],
}
