"""What must hold between the simulator's books and ours. Each must return no row."""

from core.invariants import Invariant

GATEWAY = "simulator"
# How long what moved at the provider may be news to us.
NEWS_SECONDS = 60
# The one fault by which a provider itself moves money twice.
_TWICE = "captured_twice"

# Every movement that we booked, by the provider's own id of it; what moved again stands in
# suspense, under a number made of the reference and that id.
_BOOKED = f"""
    amounts AS (
        SELECT h.id, h.kind, h.source_id, t.currency, sum(t.amount)::bigint AS amount
        FROM ledger_transaction h
        JOIN ledger_transfer t ON t.transaction_id = h.id AND t.layer = 'posted'
        JOIN ledger_account g ON g.id IN (t.debit_account_id, t.credit_account_id)
            AND g.code = 'gateway_receivable'
        GROUP BY h.id, t.currency
    ), booked AS (
        SELECT a.kind, o.provider_id AS object, a.amount, a.currency
        FROM amounts a JOIN payments_operation o ON o.gateway = '{GATEWAY}' AND (
            a.kind = 'payment.captured' AND o.kind = 'charge' AND o.payment_id = a.source_id
            OR a.kind = 'refund.confirmed' AND o.refund_id = a.source_id)
        UNION ALL
        SELECT a.kind, m.id, a.amount, a.currency
        FROM amounts a
        LEFT JOIN (SELECT reference, id FROM sim_charge UNION ALL
                   SELECT reference, id FROM sim_refund) AS m
            ON md5(m.reference || '|' || m.id)::uuid = a.source_id
        WHERE a.kind IN ('surplus.captured', 'surplus.refunded') AND EXISTS (
            SELECT 1 FROM ledger_transfer t
            JOIN ledger_account c ON c.id IN (t.debit_account_id, t.credit_account_id)
            WHERE t.transaction_id = a.id AND c.owner = '{GATEWAY}')
    )
"""

_AS_BOOKED = """
    WITH {booked}, theirs AS (
        SELECT id AS object, {amount} AS amount, currency FROM sim_{kind} WHERE status = '{good}'
    ), ours AS (
        SELECT object, amount, currency FROM booked WHERE kind IN ({kinds})
    )
    SELECT t.object AS theirs, o.object AS ours, t.amount AS moved, o.amount AS booked,
           t.currency, o.currency AS booked_currency
    FROM theirs t FULL JOIN ours o ON o.object = t.object
    WHERE (t.object, t.amount, t.currency) IS DISTINCT FROM (o.object, o.amount, o.currency)
    UNION ALL
    SELECT object, object, NULL, NULL, NULL, NULL FROM ours GROUP BY object HAVING count(*) > 1
"""

MOVED = [
    Invariant(
        "provider-charged-once",
        "a payment was captured at the provider once",
        f"""
        SELECT o.payment_id, count(*), min(c.id), max(c.id) FROM sim_charge c
        JOIN payments_operation o ON o.id::text = c.reference
        WHERE c.status = 'captured' AND NOT EXISTS (
            SELECT 1 FROM sim_plan p
            WHERE p.reference = c.reference AND position('{_TWICE}' IN p.faults) > 0)
        GROUP BY o.payment_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        "provider-moved-once",
        "one operation moved money once",
        f"""
        SELECT e.reference, e.kind, count(*) FROM sim_effect e
        JOIN payments_operation o ON o.id::text = e.reference
        WHERE NOT EXISTS (
            SELECT 1 FROM sim_plan p
            WHERE p.reference = e.reference AND position('{_TWICE}' IN p.faults) > 0)
        GROUP BY e.reference, e.kind HAVING count(*) > 1
        """,
    ),
    Invariant(
        "provider-moved-what-ended-well",
        "at rest the provider moved money exactly for what we asked for and call succeeded",
        f"""
        WITH ours AS (
            SELECT o.id, o.kind, o.gateway, o.unasked_id,
                   CASE WHEN o.kind = 'charge' AND p.capture_method = 'manual' THEN EXISTS (
                            SELECT 1 FROM payments_operation x WHERE x.payment_id = p.id
                              AND x.kind = 'capture' AND x.state = 'succeeded')
                        ELSE o.state = 'succeeded' END AS ended_well
            FROM payments_operation o JOIN payments_payment p ON p.id = o.payment_id
            WHERE o.kind IN ('charge', 'refund')
        )
        SELECT o.id, o.kind, o.ended_well, e.reference FROM ours o
        FULL JOIN (SELECT DISTINCT reference, replace(kind, 'capture', 'charge') AS kind
                   FROM sim_effect) AS e ON e.reference = o.id::text AND e.kind = o.kind
        WHERE o.gateway = '{GATEWAY}' AND o.unasked_id = ''
              AND o.ended_well <> (e.reference IS NOT NULL)
           OR o.id IS NULL AND e.reference ~ '^[0-9a-f]{{8}}-'
        """,
        quiescent=True,
    ),
    Invariant(
        "provider-money-is-known",
        f"what moved at the provider is known to us within {NEWS_SECONDS} seconds",
        f"""
        SELECT e.reference, e.kind, o.state FROM sim_effect e
        JOIN payments_operation o ON o.id::text = e.reference
        WHERE o.state <> 'succeeded' AND e.at < extract(epoch FROM now()) - {NEWS_SECONDS}
            + coalesce((SELECT max(value)::float FROM sim_setting
                        WHERE name = 'clock_offset_seconds'), 0)
        """,
    ),
]

BOOKS = [
    Invariant(
        "provider-charges-as-booked",
        "at rest every capture is booked, and every booking is a capture, for the same money",
        _AS_BOOKED.format(
            booked=_BOOKED,
            kind="charge",
            good="captured",
            amount="captured",
            kinds="'payment.captured', 'surplus.captured'",
        ),
        quiescent=True,
    ),
    Invariant(
        "provider-refunds-as-booked",
        "at rest every refund is booked, and every booking is a refund, for the same money",
        _AS_BOOKED.format(
            booked=_BOOKED,
            kind="refund",
            good="succeeded",
            amount="amount",
            kinds="'refund.confirmed', 'surplus.refunded'",
        ),
        quiescent=True,
    ),
    Invariant(
        "provider-disputes-as-booked",
        "at rest every dispute is one of ours, over the same money of the same charge, and stands"
        " as it does there",
        f"""
        WITH theirs AS (
            SELECT id AS object, reference, amount, currency, upper(status) AS status
            FROM sim_dispute WHERE status <> 'planned'
        ), ours AS (
            SELECT d.provider_id AS object, o.id::text AS reference, d.amount, d.currency, d.status
            FROM payments_dispute d
            JOIN payments_operation o ON o.payment_id = d.payment_id AND o.kind = 'charge'
            WHERE d.gateway = '{GATEWAY}'
        )
        SELECT t.object AS theirs, o.object AS ours, t.amount, o.amount AS our_amount, t.status,
               o.status AS our_status
        FROM theirs t FULL JOIN ours o ON o.object = t.object
        WHERE (t.object, t.reference, t.amount, t.currency, t.status)
              IS DISTINCT FROM (o.object, o.reference, o.amount, o.currency, o.status)
        """,
        quiescent=True,
    ),
    Invariant(
        "provider-owes-as-booked",
        "at rest the provider owes what our books say that it owes, by currency",
        f"""
        WITH ours AS (
            SELECT a.currency,
                   sum(CASE WHEN a.id = t.debit_account_id THEN t.amount ELSE -t.amount END) AS net
            FROM ledger_transfer t
            JOIN ledger_account a ON a.id IN (t.debit_account_id, t.credit_account_id)
            WHERE t.layer = 'posted' AND a.code = 'gateway_receivable' AND a.owner = '{GATEWAY}'
            GROUP BY a.currency
        ), theirs AS (
            SELECT currency, sum(CASE WHEN kind IN ('capture', 'dispute_won') THEN amount
                                      ELSE -amount END) AS net
            FROM sim_effect GROUP BY currency
        )
        SELECT currency, ours.net AS ours, theirs.net AS theirs
        FROM ours FULL JOIN theirs USING (currency)
        WHERE coalesce(ours.net, 0) <> coalesce(theirs.net, 0)
        """,
        quiescent=True,
    ),
]

CALLS = [
    Invariant(
        "provider-one-key-per-operation",
        "the provider was sent one key for an operation, and one body under a key",
        """
        SELECT reference, NULL AS key, count(DISTINCT key) FROM sim_call
        WHERE key <> '' GROUP BY reference HAVING count(DISTINCT key) > 1
        UNION ALL
        SELECT min(reference), key, count(DISTINCT (kind, body_sha256)) FROM sim_call
        WHERE key <> '' GROUP BY key HAVING count(DISTINCT (kind, body_sha256)) > 1
        """,
    ),
    Invariant(
        "provider-webhooks-are-stored",
        "a webhook that we answered with 2xx is stored, once, and a forged one was not taken",
        f"""
        SELECT l.event, l.forged, l.last_status, count(e.id) FROM sim_letter l
        LEFT JOIN webhooks_providerevent e ON e.gateway = '{GATEWAY}' AND e.event_id = l.event
        WHERE l.delivered_at IS NOT NULL OR l.forged = 1
        GROUP BY l.seq, l.event, l.forged, l.last_status, l.delivered_at
        HAVING count(e.id) <> (1 - l.forged) OR l.forged = 1 AND l.delivered_at IS NOT NULL
        """,
    ),
]

CLAIMS = [*MOVED, *BOOKS, *CALLS]
