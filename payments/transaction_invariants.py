"""What one request or one settle wrote was written by one database transaction.

Every row stores the id of the transaction that wrote it, so this can be asked afterwards. Outbox
rows are pruned once they are done, so only those still there are asked.
"""

from django.conf import settings

from core.invariants import Invariant

# Older answers may have been pruned.
_ANSWER_KEPT = f"interval '{settings.IDEMPOTENCY_KEPT.total_seconds():.0f} seconds'"

# An earlier release told nobody that a payment is being carried out.
_TOLD_SINCE = """
    (after <> 'PROCESSING' OR xid >= (
        SELECT e.xid FROM payments_event e WHERE e.type = 'payment.processing'
        ORDER BY e.xid LIMIT 1))
"""

# Which booking and which event go with a step.
_TRACES = """
    traces (is_refund, after, booking, event) AS (VALUES
        (false, 'PROCESSING', NULL, 'payment.processing'),
        (false, 'SUCCESS', 'payment.captured', 'payment.succeeded'),
        (false, 'FAILED', 'payment.failed', 'payment.failed'),
        (false, 'CANCELED', 'payment.canceled', 'payment.canceled'),
        (false, 'EXPIRED', 'payment.expired', 'payment.expired'),
        (false, 'AUTHORIZED', NULL, 'payment.authorized'),
        (false, 'REQUIRES_ACTION', NULL, 'payment.requires_action'),
        (false, 'REFUNDED', NULL, 'payment.refunded'),
        (true, 'SUCCEEDED', 'refund.confirmed', 'refund.succeeded'),
        (true, 'FAILED', 'refund.failed', 'refund.failed')
    ), steps AS (
        SELECT c.id, coalesce(c.refund_id, c.payment_id) AS subject, c.after, c.version, c.xid,
               CASE WHEN c.after IN ('CANCELED', 'EXPIRED') AND EXISTS (
                        SELECT 1 FROM payments_statuschange earlier
                        WHERE earlier.payment_id = c.payment_id AND earlier.refund_id IS NULL
                          AND earlier.version < c.version
                          AND earlier.after IN ('FAILED', 'CANCELED', 'EXPIRED'))
                    -- The books expected nothing of it any more.
                    THEN NULL ELSE traces.booking END AS booking,
               traces.event
        FROM payments_statuschange c
        JOIN traces ON traces.is_refund = (c.refund_id IS NOT NULL) AND traces.after = c.after
        WHERE c.dispute_id IS NULL  -- `payments.dispute_invariants` has theirs
    )
"""

INVARIANTS: list[Invariant] = [
    Invariant(
        "payments-accepted-in-one-transaction",
        "payment, stored answer, booking, event and message of a create have one writer",
        """
        SELECT p.id, p.xid, k.xid AS answer, x.xid AS booking, e.xid AS event, m.xid AS message
        FROM payments_payment p
        LEFT JOIN core_idempotencyrecord k ON k.resource_id = p.id AND k.status = 201
        LEFT JOIN ledger_transaction x ON x.source_id = p.id AND x.kind = 'payment.created'
        LEFT JOIN payments_event e ON e.aggregateid = p.id AND e.type = 'payment.created'
        LEFT JOIN payments_operation o ON o.payment_id = p.id AND o.kind = 'charge'
        LEFT JOIN outbox_message m ON m.subject_id = o.id AND m.kind = 'charge'
        WHERE p.xid IS NULL OR p.xid <> ANY(ARRAY[k.xid, x.xid, e.xid, m.xid])
        """,
    ),
    Invariant(
        "payments-refunds-asked-in-one-transaction",
        "refund, booking, event and message of a request have one writer",
        """
        SELECT r.id, r.xid, x.xid AS booking, e.xid AS event, m.xid AS message
        FROM payments_refund r
        LEFT JOIN ledger_transaction x ON x.source_id = r.id AND x.kind = 'refund.asked'
        LEFT JOIN payments_event e ON e.aggregateid = r.id AND e.type = 'refund.created'
        LEFT JOIN payments_operation o ON o.refund_id = r.id
        LEFT JOIN outbox_message m ON m.subject_id = o.id AND m.kind = 'refund'
        LEFT JOIN core_idempotencyrecord k ON k.resource_id = r.id AND k.status = 201
        WHERE r.xid IS NULL OR r.xid <> ANY(ARRAY[k.xid, x.xid, e.xid, m.xid])
        """,
    ),
    Invariant(
        "payments-changed-in-one-transaction",
        "a step, its booking and its event have one writer",
        f"""
        WITH {_TRACES}
        SELECT s.subject, s.after, s.xid, x.xid AS booking, e.xid AS event FROM steps s
        LEFT JOIN ledger_transaction x ON x.source_id = s.subject AND x.kind = s.booking
        LEFT JOIN payments_event e ON e.aggregateid = s.subject AND e.version = s.version
            AND e.type IN (s.event, s.event || '_late')
        WHERE s.xid IS NULL OR s.xid <> ANY(ARRAY[x.xid, e.xid])
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-changes-are-booked",
        "every step that moves or frees money has its booking",
        f"""
        WITH {_TRACES}
        SELECT s.subject, s.after, s.booking FROM steps s
        WHERE s.booking IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM ledger_transaction x
            WHERE x.source_id = s.subject AND x.kind = s.booking)
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-changes-are-told",
        "every payment, refund and step that a merchant may want to know of has its event",
        f"""
        WITH {_TRACES}, told AS (
            SELECT subject, version, event FROM steps WHERE {_TOLD_SINCE}
            UNION ALL SELECT id, 1, 'payment.created' FROM payments_payment
            UNION ALL SELECT id, 1, 'refund.created' FROM payments_refund)
        SELECT t.subject, t.version, t.event FROM told t WHERE NOT EXISTS (
            SELECT 1 FROM payments_event e
            WHERE e.aggregateid = t.subject AND e.version = t.version
              AND e.type IN (t.event, t.event || '_late'))
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-accepted-under-a-key",
        "payments, and refunds of an amount, have the answers given for them, while those are kept",
        f"""
        SELECT p.id FROM payments_payment p
        WHERE p.created_at > now() - {_ANSWER_KEPT} AND NOT EXISTS (
            SELECT 1 FROM core_idempotencyrecord k
            WHERE (k.resource_id, k.merchant_id, k.mode) = (p.id, p.merchant_id, p.mode)
              AND k.status = 201)
        UNION ALL
        SELECT r.id FROM payments_refund r
        WHERE r.created_at > now() - {_ANSWER_KEPT} AND NOT r.is_rest
          AND NOT EXISTS (SELECT 1 FROM payments_operation o
                          WHERE o.refund_id = r.id AND o.unasked_id <> '')
          AND NOT EXISTS (
            SELECT 1 FROM core_idempotencyrecord k
            WHERE (k.resource_id, k.merchant_id, k.mode) = (r.id, r.merchant_id, r.mode)
              AND k.status = 201)
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-answers-are-true",
        "every stored success, but those about webhook endpoints, is about a payment or refund of"
        " its merchant and mode",
        """
        SELECT k.id, k.resource_id FROM core_idempotencyrecord k
        LEFT JOIN payments_payment p
            ON (p.id, p.merchant_id, p.mode) = (k.resource_id, k.merchant_id, k.mode)
        LEFT JOIN payments_refund r
            ON (r.id, r.merchant_id, r.mode) = (k.resource_id, k.merchant_id, k.mode)
        WHERE k.status < 300 AND k.resource_id IS NOT NULL
          AND k.location NOT LIKE '/api/webhook-endpoints/%' AND p.id IS NULL AND r.id IS NULL
        """,
    ),
]
