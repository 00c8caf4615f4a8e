"""Damage to amounts and books, and to what was written together."""

from tests.config.planting import (
    FAILED,
    FAILED_REFUND,
    PARTLY,
    PLAIN,
    REFUNDED,
    Damage,
    booking,
    charge,
    copy,
    first,
)

OF_MONEY = {
    "payments-captured-as-booked": [
        Damage(
            f"""
            UPDATE ledger_transfer SET amount = amount + 1
            WHERE layer = 'posted' AND transaction_id = {booking("payment.captured", PLAIN)}
            """
        )
    ],
    "payments-captured-is-what-was-charged": [
        Damage(
            f"""
            UPDATE payments_payment SET amount_captured = amount_captured - 1 WHERE id = {PLAIN};
            UPDATE ledger_transfer SET amount = amount - 1
            WHERE layer = 'posted' AND transaction_id = {booking("payment.captured", PLAIN)}
            """
        )
    ],
    "payments-expected-until-ended": [
        Damage(
            f"""
            UPDATE ledger_transaction SET resolves_id = NULL
            WHERE id = {booking("payment.captured", PLAIN)}
            """,
            ("ledger-resolution-mirrors-pending",),
        )
    ],
    "payments-expected-in-full": [
        Damage(
            f"""
            UPDATE ledger_transfer SET amount = amount + 1 WHERE layer = 'pending'
            AND transaction_id IN ({booking("payment.created", PLAIN)},
                                   {booking("payment.captured", PLAIN)})
            """
        )
    ],
    "payments-held-are-live-refunds": [
        Damage(
            f"""
            UPDATE payments_payment SET amount_refund_held = amount_refund_held + 1
            WHERE id = {PARTLY}
            """
        ),
        Damage(
            f"""
            UPDATE payments_payment SET amount_refund_held = 1
            WHERE id = (SELECT payment_id FROM payments_refund WHERE id = {FAILED_REFUND})
            """
        ),
    ],
    "payments-held-within-captured": [
        Damage(
            f"UPDATE payments_payment SET amount_refund_held = 9999 WHERE id = {PLAIN}",
            ("payments-held-are-live-refunds",),
        )
    ],
    "payments-refunded-are-successful-refunds": [
        Damage(
            f"UPDATE payments_payment SET amount_refunded = amount_refunded + 1 WHERE id = {PARTLY}"
        )
    ],
    "payments-refunded-when-all-went-back": [
        Damage(
            f"""
            DELETE FROM payments_statuschange WHERE payment_id = {REFUNDED} AND after = 'REFUNDED';
            UPDATE payments_payment SET status = 'SUCCESS', version = version - 1
            WHERE id = {REFUNDED}
            """
        )
    ],
    "payments-refunds-as-booked": [
        Damage(
            f"""
            UPDATE ledger_transfer SET amount = amount + 1 WHERE transaction_id =
            {first("ledger_transaction", f"kind = 'refund.{step}'")}
            """
        )
        for step in ("asked", "confirmed")
    ],
    "payments-refund-failures-as-booked": [
        Damage(
            f"""
            UPDATE ledger_transfer SET amount = amount + 1 WHERE transaction_id =
            {booking("refund.failed", FAILED_REFUND)}
            """
        )
    ],
    "payments-booked-to-their-parties": [
        Damage(f"UPDATE ledger_account SET owner = 'another' WHERE code = '{code}'", also)
        for code, also in (
            ("merchant_payable", ("payments-disputes-as-booked",)),
            (
                "gateway_receivable",
                ("payments-surplus-was-told", "payments-disputes-as-booked"),
            ),
            ("refunds_clearing", ()),
        )
    ],
    "payments-books-know-their-source": [
        Damage(
            f"""
            UPDATE ledger_transaction SET merchant_id = gen_random_uuid()
            WHERE id = {booking("refund.asked", FAILED_REFUND)}
            """
        ),
        Damage(
            copy("ledger_transaction", "true", source_id="gen_random_uuid()"),
            ("ledger-headers-have-transfers",),
        ),
    ],
}
_SURPLUS = first("ledger_transaction", "kind = 'surplus.captured'")
OF_SURPLUS = {
    "payments-surplus-was-told": [
        Damage(f"UPDATE ledger_transfer SET amount = amount + 1 WHERE transaction_id = {_SURPLUS}"),
        Damage(
            f"""
            UPDATE ledger_transaction SET source_id = gen_random_uuid() WHERE id = {_SURPLUS}
            """,
            ("payments-at-rest-surplus-is-booked",),
        ),
    ],
    "payments-at-rest-surplus-is-booked": [
        Damage(f"UPDATE ledger_transaction SET kind = 'other' WHERE id = {_SURPLUS}")
    ],
}
# What has a number, and was sent.
_NUMBERED = ("payments-event-numbers-fit", "webhooks-bodies-tell-of-events")
OF_TRANSACTIONS = {
    "payments-accepted-in-one-transaction": [
        Damage(f"UPDATE core_idempotencyrecord SET xid = '1' WHERE resource_id = {PLAIN}"),
        Damage(
            "UPDATE payments_event SET xid = '1' WHERE type = 'payment.created'",
            ("payments-event-numbers-in-order",),
        ),
        Damage(
            f"UPDATE outbox_message SET xid = '1' WHERE subject_id = {charge(PLAIN)}",
        ),
        Damage(f"UPDATE payments_payment SET xid = NULL WHERE id = {PLAIN}"),
    ],
    "payments-refunds-asked-in-one-transaction": [
        Damage(f"UPDATE payments_refund SET xid = '1' WHERE id = {FAILED_REFUND}"),
        Damage(
            "UPDATE payments_event SET xid = '1' WHERE type = 'refund.created'",
            ("payments-event-numbers-in-order",),
        ),
    ],
    "payments-changed-in-one-transaction": [
        Damage("UPDATE payments_statuschange SET xid = '1' WHERE after = 'REFUNDED'"),
        Damage(
            "UPDATE payments_event SET xid = '1' WHERE type = 'refund.failed'",
            ("payments-event-numbers-in-order",),
        ),
    ],
    "payments-changes-are-booked": [
        Damage(
            f"""
            UPDATE ledger_transaction SET kind = 'payment.odd'
            WHERE id = {booking("payment.failed", FAILED)}
            """
        )
    ],
    "payments-changes-are-told": [
        Damage(f"DELETE FROM payments_event WHERE type = '{kind}'", _NUMBERED)
        for kind in ("payment.created", "payment.succeeded_late", "refund.failed")
    ]
    + [
        Damage(
            f"""
            DELETE FROM payments_event
            WHERE type = 'payment.processing' AND aggregateid = {PLAIN}
            """,
            _NUMBERED,
        )
    ],
    "payments-accepted-under-a-key": [
        Damage(f"DELETE FROM core_idempotencyrecord WHERE resource_id = {PLAIN}"),
        Damage(
            """
            DELETE FROM core_idempotencyrecord
            WHERE resource_id IN (SELECT id FROM payments_refund)
            """
        ),
    ],
    "payments-answers-are-true": [
        Damage(
            copy(
                "core_idempotencyrecord",
                "status = 201 AND location LIKE '/api/payments/%'",
                key="'elsewhere'",
                resource_id="gen_random_uuid()",
            )
        )
    ],
}
