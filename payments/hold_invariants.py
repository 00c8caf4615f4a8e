"""What must hold of money that is held first: captured once, let go, run out, or never sent for."""

from core.invariants import Invariant

INVARIANTS: list[Invariant] = [
    Invariant(
        "payments-holds-are-claimed-once",
        "one capture or void that we ask for is open at a time, and says so",
        """
        SELECT payment_id, count(*) FROM payments_operation
        WHERE kind IN ('capture', 'void') AND state = 'open' AND unasked_id = ''
        GROUP BY payment_id HAVING count(*) > 1 OR bool_or(claims IS DISTINCT FROM payment_id)
        UNION ALL
        SELECT payment_id, 1 FROM payments_operation
        WHERE claims IS NOT NULL AND (kind NOT IN ('capture', 'void') OR state <> 'open')
        """,
    ),
    Invariant(
        "payments-closed-are-unsent",
        "a charge that was closed was certainly never sent, and nothing is to be done about it",
        """
        SELECT o.id, a.id AS attempt, m.id AS message FROM payments_operation o
        LEFT JOIN payments_attempt a ON a.operation_id = o.id AND a.kind = 'send'
            AND a.outcome <> 'not_sent'
        LEFT JOIN outbox_message m ON m.subject_id = o.id AND m.state IN (0, 1, 2, 3)
        WHERE o.state = 'closed' AND (a.id IS NOT NULL OR m.id IS NOT NULL)
        """,
    ),
    Invariant(
        "payments-held-are-looked-at",
        "an authorisation is looked at when it is old, and no longer than it stands",
        """
        SELECT p.id, p.status, o.recheck_at FROM payments_payment p
        JOIN payments_operation o ON o.payment_id = p.id AND o.kind = 'charge'
            AND o.state = 'succeeded'
        WHERE (p.status = 'AUTHORIZED') <> (o.recheck_at IS NOT NULL)
        """,
    ),
    Invariant(
        "payments-taken-and-let-go-is-reviewed",
        "money that was both taken and let go has a person look, or had",
        """
        SELECT p.id, o.id AS void FROM payments_payment p
        JOIN payments_operation o ON o.payment_id = p.id AND o.kind = 'void'
            AND o.state = 'succeeded'
        WHERE p.amount_captured > 0 AND NOT p.needs_review AND NOT EXISTS (
            SELECT 1 FROM payments_event e
            WHERE e.aggregateid = p.id AND e.type = 'payment.review_ended')
        """,
    ),
]
