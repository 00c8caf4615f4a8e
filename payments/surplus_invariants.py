"""What must hold of money that moved more often than was asked for."""

from core.invariants import Invariant

_AGAIN = """
    told AS (
        SELECT operation_id, outcome, provider_id, amount, currency, account FROM payments_attempt
        UNION ALL
        SELECT operation_id, outcome, provider_id, amount, currency, account FROM payments_notice
    ), again AS (
        SELECT DISTINCT o.id, CASE o.kind WHEN 'refund' THEN 'refund' ELSE 'charge' END AS kind,
               o.gateway, o.amount, o.currency, p.merchant_id, p.mode,
               t.provider_id, md5(o.id::text || '|' || t.provider_id)::uuid AS source
        FROM told t
        JOIN payments_operation o ON o.id = t.operation_id AND o.state = 'succeeded'
        JOIN payments_payment p ON p.id = o.payment_id
            AND (o.kind IN ('capture', 'refund')
                 OR o.kind = 'charge' AND p.capture_method = 'automatic')
        WHERE t.outcome = 'succeeded' AND (t.amount, t.currency) = (o.amount, o.currency)
          AND t.account = '' AND o.provider_id <> '' AND t.provider_id NOT IN ('', o.provider_id)
        UNION
        SELECT o.id, 'charge', o.gateway, o.amount, o.currency, p.merchant_id, p.mode,
               o.provider_id, md5(o.id::text || '|' || o.provider_id)::uuid
        FROM payments_operation o JOIN payments_payment p ON p.id = o.payment_id
        WHERE o.kind = 'capture' AND o.state = 'succeeded' AND EXISTS (
            SELECT 1 FROM payments_operation first
            WHERE first.payment_id = o.payment_id AND first.kind = 'capture'
              AND first.state = 'succeeded'
              AND (first.settled_at, first.id) < (o.settled_at, o.id))
    ), booked AS (
        SELECT x.id, x.kind, x.source_id, x.merchant_id, x.mode, t.layer, t.amount, t.currency,
               d.code AS debit, c.code AS credit,
               CASE WHEN x.kind = 'surplus.captured' THEN d.owner ELSE c.owner END AS gateway
        FROM ledger_transaction x
        JOIN ledger_transfer t ON t.transaction_id = x.id
        JOIN ledger_account d ON d.id = t.debit_account_id
        JOIN ledger_account c ON c.id = t.credit_account_id
        WHERE x.kind IN ('surplus.captured', 'surplus.refunded')
    )
"""

INVARIANTS: list[Invariant] = [
    Invariant(
        "payments-surplus-was-told",
        "what is booked as moved again, suspense has or gave, as a provider said that it moved",
        f"""
        WITH {_AGAIN}
        SELECT b.id, b.kind, b.amount FROM booked b
        LEFT JOIN again a ON a.source = b.source_id
        WHERE (b.kind, b.merchant_id, b.mode, b.layer, b.amount, b.currency, b.gateway,
               b.debit, b.credit)
              IS DISTINCT FROM
              (CASE a.kind WHEN 'charge' THEN 'surplus.captured' ELSE 'surplus.refunded' END,
               a.merchant_id, a.mode, 'posted', a.amount, a.currency, a.gateway,
               CASE a.kind WHEN 'charge' THEN 'gateway_receivable' ELSE 'customer_suspense' END,
               CASE a.kind WHEN 'charge' THEN 'customer_suspense' ELSE 'gateway_receivable' END)
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-at-rest-surplus-is-booked",
        "at rest whatever a provider moved again is booked, once for each id it names",
        f"""
        WITH {_AGAIN}
        SELECT a.id, a.kind, a.provider_id, count(b.id) AS booked FROM again a
        LEFT JOIN booked b ON b.source_id = a.source
        GROUP BY a.id, a.kind, a.provider_id HAVING count(b.id) <> 1
        """,  # noqa: S608 - our own constants
        quiescent=True,
    ),
]
