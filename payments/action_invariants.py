"""What must hold of payments that wait for their payer: the fold once more, in SQL and apart."""

from core.invariants import Invariant

# A fact may be stored one transaction before what it means (a fenced worker's): give that time.
_GRACE = "interval '1 minute'"

_FACTS = """
    said AS (
        SELECT id, operation_id, outcome, account, code, action_url, answered_at AS at
        FROM payments_attempt WHERE answered_at IS NOT NULL
        UNION ALL
        SELECT id, operation_id, outcome, account, code, action_url, recorded_at
        FROM payments_notice
    ), ended AS (
        SELECT operation_id, action_url, at FROM said
        WHERE outcome = 'succeeded'
           OR outcome = 'pending' AND code = 'action_taken' AND account = ''
    ), wanted AS (
        SELECT DISTINCT ON (asked.operation_id) asked.operation_id, asked.action_url, asked.at
        FROM said asked
        WHERE asked.outcome = 'requires_action' AND asked.account = '' AND NOT EXISTS (
            SELECT FROM ended WHERE ended.operation_id = asked.operation_id
                AND ended.action_url IN (asked.action_url, ''))
        ORDER BY asked.operation_id, asked.id DESC
    )
"""

INVARIANTS: list[Invariant] = [
    Invariant(
        "payments-wait-where-their-provider-says",
        "a payment waits for its payer where, and as long as, its provider's facts say so",
        f"""
        WITH {_FACTS}
        SELECT p.id, p.status FROM payments_payment p
        JOIN payments_operation o ON o.payment_id = p.id AND o.kind = 'charge' AND o.state = 'open'
        LEFT JOIN wanted ON wanted.operation_id = o.id
        WHERE p.status IN ('CREATED', 'PROCESSING', 'REQUIRES_ACTION')
          AND p.next_action_url <> coalesce(wanted.action_url, '')
          AND coalesce((SELECT max(at) FROM said WHERE said.operation_id = o.id), p.created_at)
              <= now() - {_GRACE}
        """,  # noqa: S608 - our own constants
    ),
]
