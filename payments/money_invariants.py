"""What must hold between payments, refunds and the books."""

from core.invariants import Invariant

_POSTED = """
    (SELECT coalesce(sum(t.amount), 0) FROM ledger_transaction x
     JOIN ledger_transfer t ON t.transaction_id = x.id AND t.layer = 'posted'
     WHERE x.source_id = {source} AND x.kind = '{kind}')
"""

# What suspense had to bear is recovered beside it, in the same booking.
_CAPTURED = """
    (SELECT coalesce(sum(t.amount), 0) FROM ledger_transaction x
     JOIN ledger_transfer t ON t.transaction_id = x.id AND t.layer = 'posted'
     JOIN ledger_account a ON a.id = t.debit_account_id AND a.code = 'gateway_receivable'
     WHERE x.source_id = p.id AND x.kind = 'payment.captured')
"""
_GIVEN_BACK = """
    (SELECT coalesce(sum(t.amount), 0) FROM ledger_transaction x
     JOIN ledger_transfer t ON t.transaction_id = x.id AND t.layer = 'posted'
     JOIN ledger_account a ON a.id = t.debit_account_id AND a.code = 'refunds_clearing'
     WHERE x.source_id = r.id AND x.kind = 'refund.failed')
"""

INVARIANTS: list[Invariant] = [
    Invariant(
        "payments-captured-as-booked",
        "what a payment captured is what the books hold as captured, once",
        f"""
        SELECT p.id, p.amount_captured FROM payments_payment p
        WHERE p.amount_captured <> {_CAPTURED}
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-captured-is-what-was-charged",
        "a payment captured what its successful charge or capture is over, and nothing without one",
        """
        SELECT p.id, p.amount_captured FROM payments_payment p
        LEFT JOIN payments_operation o ON o.payment_id = p.id AND o.state = 'succeeded'
            AND o.kind = CASE p.capture_method WHEN 'manual' THEN 'capture' ELSE 'charge' END
        GROUP BY p.id
        HAVING p.amount_captured = 0 AND count(o.id) > 0
            OR p.amount_captured <> 0
               AND NOT coalesce(bool_or(o.amount = p.amount_captured), false)
        """,
    ),
    Invariant(
        "payments-expected-until-ended",
        "the books expect a payment's money until the payment ends, and no longer",
        """
        SELECT p.id, p.status, r.kind AS resolved_by FROM payments_payment p
        JOIN ledger_transaction x ON x.source_id = p.id AND x.kind = 'payment.created'
        LEFT JOIN ledger_transaction r ON r.resolves_id = x.id
        WHERE (r.id IS NULL) <> (p.status IN (
            'CREATED', 'PROCESSING', 'REQUIRES_ACTION', 'AUTHORIZED') AND NOT EXISTS (
            SELECT 1 FROM payments_statuschange c
            WHERE c.payment_id = p.id AND c.refund_id IS NULL
              AND c.after IN ('FAILED', 'CANCELED', 'EXPIRED')))
        """,
    ),
    Invariant(
        "payments-expected-in-full",
        "the books expected the whole amount of every payment, in its currency",
        """
        SELECT p.id, p.amount, p.currency FROM payments_payment p
        WHERE NOT EXISTS (
            SELECT 1 FROM ledger_transaction x
            JOIN ledger_transfer t ON t.transaction_id = x.id AND t.layer = 'pending'
            WHERE x.source_id = p.id AND x.kind = 'payment.created'
              AND (t.amount, t.currency) = (p.amount, p.currency))
        """,
    ),
    Invariant(
        "payments-held-are-live-refunds",
        "what is held for refunds and overdrawn is the sum of those pending or succeeded",
        """
        SELECT p.id, p.amount_refund_held, p.amount_overdrawn,
               coalesce(sum(r.amount), 0) AS refunds
        FROM payments_payment p
        LEFT JOIN payments_refund r ON r.payment_id = p.id
            AND r.status IN ('PENDING', 'SUCCEEDED')
        GROUP BY p.id
        HAVING p.amount_refund_held + p.amount_overdrawn <> coalesce(sum(r.amount), 0)
        """,
    ),
    Invariant(
        "payments-held-within-captured",
        "no more is held for refunds than was captured",
        """
        SELECT id, amount_refund_held, amount_captured FROM payments_payment
        WHERE amount_refund_held > amount_captured OR amount_refund_held < 0
        """,
    ),
    Invariant(
        "payments-refunded-are-successful-refunds",
        "what went back is the sum of the successful refunds",
        """
        SELECT p.id, p.amount_refunded, coalesce(sum(r.amount), 0) AS refunds
        FROM payments_payment p
        LEFT JOIN payments_refund r ON r.payment_id = p.id AND r.status = 'SUCCEEDED'
        GROUP BY p.id HAVING p.amount_refunded <> coalesce(sum(r.amount), 0)
        """,
    ),
    Invariant(
        "payments-refunded-when-all-went-back",
        "a payment is REFUNDED exactly when all that was captured went back",
        """
        SELECT id, status, amount_captured, amount_refunded FROM payments_payment
        WHERE status IN ('SUCCESS', 'REFUNDED')
          AND (status = 'REFUNDED') <> (amount_refunded >= amount_captured)
        """,
    ),
    Invariant(
        "payments-refunds-as-booked",
        "a refund is booked as asked, if it was, and as confirmed once it succeeded, in full",
        f"""
        SELECT r.id, r.status, r.amount FROM payments_refund r
        LEFT JOIN payments_operation o ON o.refund_id = r.id
        WHERE CASE WHEN o.unasked_id <> '' THEN 0 ELSE r.amount END
              <> {_POSTED.format(source="r.id", kind="refund.asked")}
           OR CASE WHEN r.status = 'SUCCEEDED' THEN r.amount ELSE 0 END
              <> {_POSTED.format(source="r.id", kind="refund.confirmed")}
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-refund-failures-as-booked",
        "a refund was given back in the books exactly when it has failed, even if not for good",
        f"""
        SELECT r.id, r.status, r.amount FROM payments_refund r
        WHERE CASE WHEN EXISTS (SELECT 1 FROM payments_statuschange c
                                WHERE c.refund_id = r.id AND c.after = 'FAILED')
                   THEN r.amount ELSE 0 END
              <> {_GIVEN_BACK}
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-books-know-their-source",
        "every booking about a payment or refund is for its merchant and mode",
        """
        SELECT x.id, x.kind, x.source_id FROM ledger_transaction x
        LEFT JOIN payments_refund r ON r.id = x.source_id
        LEFT JOIN payments_payment p ON p.id = coalesce(r.payment_id, x.source_id)
        WHERE (x.kind LIKE 'payment.%' OR x.kind LIKE 'refund.%')
          AND (p.id IS NULL OR (x.kind LIKE 'refund.%') <> (r.id IS NOT NULL)
               OR (x.merchant_id, x.mode) <> (p.merchant_id, p.mode))
        """,
    ),
    Invariant(
        "payments-booked-to-their-parties",
        "a booking about a payment or refund touches accounts of its merchant and gateway only",
        """
        SELECT x.id, x.kind, e.code, e.owner FROM ledger_transaction x
        JOIN ledger_entries e ON e.transaction_id = x.id
        LEFT JOIN payments_refund r ON r.id = x.source_id
        JOIN payments_payment p ON p.id = coalesce(r.payment_id, x.source_id)
        WHERE e.owner <> CASE
            WHEN e.code = 'merchant_payable' THEN p.merchant_id::text
            WHEN e.code IN ('gateway_receivable', 'refunds_clearing') THEN p.gateway
            ELSE e.owner END
        """,
    ),
]
