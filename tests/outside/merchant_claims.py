"""What must hold between what merchants wrote down and our books. Each must return no row."""

from core.invariants import Invariant

# A fault may be over and its processes not yet all back.
RECOVERY_SECONDS = 10
# Not yet an answer about the request: in progress, too many, or an error of ours.
_NO_ANSWER = "r.status IN (409, 429) OR r.status >= 500"

_ANSWERED = """
    answered AS (
        SELECT a.merchant, a.path, a.key, a.body AS asked, r.status, r.body, r.content
        FROM cj_answer r JOIN cj_ask a USING (request)
        WHERE r.status BETWEEN 200 AND 299
    )
"""

CLAIMS = [
    Invariant(
        "promises-payments-are-there",
        "every payment that a merchant was promised is there, as it was asked for",
        f"""
        WITH {_ANSWERED}
        SELECT a.key, a.status, a.content ->> 'id' AS promised, p.amount, p.currency
        FROM answered a LEFT JOIN payments_payment p ON p.id::text = a.content ->> 'id'
        WHERE a.path = '/api/payments/'
          AND (p.merchant_id::text, p.amount, p.currency) IS DISTINCT FROM
              (a.merchant, (a.asked ->> 'amount')::bigint, a.asked ->> 'currency')
        """,
    ),
    Invariant(
        "promises-refunds-are-there",
        "every refund that a merchant was promised is there, of its payment, as it was asked for",
        f"""
        WITH {_ANSWERED}
        SELECT a.key, a.status, a.content ->> 'id' AS promised, f.payment_id, f.amount
        FROM answered a LEFT JOIN payments_refund f ON f.id::text = a.content ->> 'id'
        WHERE a.path LIKE '/api/payments/%/refund/'
          AND (f.merchant_id::text, f.payment_id::text, f.amount) IS DISTINCT FROM
              (a.merchant, split_part(a.path, '/', 4),
               coalesce((a.asked ->> 'amount')::bigint, f.amount))
        """,
    ),
    Invariant(
        "promises-payments-were-asked",
        "every payment and refund was asked for by a merchant, who has its key or was not answered",
        """
        SELECT k.key, k.resource_id, k.status FROM core_idempotencyrecord k
        WHERE k.location NOT LIKE '/api/webhook-endpoints/%' AND NOT EXISTS (SELECT 1 FROM cj_ask a
                          WHERE (a.merchant, a.key) = (k.merchant_id::text, k.key))
        """,
    ),
    Invariant(
        "promises-one-answer-per-key",
        "a merchant was promised one thing under a key, in the same bytes each time",
        f"""
        WITH {_ANSWERED}
        SELECT merchant, key, count(DISTINCT content ->> 'id') AS promised,
               count(DISTINCT body) AS bodies
        FROM answered WHERE key <> '' GROUP BY merchant, key
        HAVING count(DISTINCT content ->> 'id') > 1 OR count(DISTINCT body) > 1
        """,
    ),
    Invariant(
        "promises-one-request-per-key",
        "under a key one request was answered, and always alike: what was refused stays refused",
        f"""
        SELECT a.merchant, a.key, count(DISTINCT (a.path, a.body)) AS requests,
               array_agg(DISTINCT r.status) AS statuses
        FROM cj_answer r JOIN cj_ask a USING (request)
        WHERE a.key <> '' AND r.status IS NOT NULL AND NOT ({_NO_ANSWER})
          AND coalesce(r.content ->> 'type', '') NOT LIKE '%idempotency-key-reused'
        GROUP BY a.merchant, a.key
        HAVING count(DISTINCT (a.path, a.body)) > 1 OR count(DISTINCT r.status) > 1
        """,
    ),
    Invariant(
        "promises-errors-have-a-fault",
        "nobody got an error of ours, or no answer, but by a fault that excuses it",
        f"""
        SELECT a.path, a.key, r.status, to_timestamp(r.at) AS at FROM cj_answer r
        JOIN cj_ask a USING (request)
        WHERE (r.status IS NULL OR r.status >= 500) AND NOT EXISTS (
            SELECT 1 FROM cj_fault f WHERE f.excuses
              AND f.begun <= r.at AND a.at <= f.ended + {RECOVERY_SECONDS})
        """,
    ),
    Invariant(
        "ledger-never-rewritten",
        "no row of the books, facts or audit log was written twice, as far as the server remembers",
        """
        SELECT relname, n_tup_upd FROM pg_stat_user_tables
        WHERE n_tup_upd > 0 AND relname IN (
            'ledger_account', 'ledger_transaction', 'ledger_transfer', 'core_auditentry',
            'payments_event', 'payments_notice', 'payments_statuschange', 'payments_seen',
            'payments_disputefact', 'outbox_lapse')
        UNION ALL
        -- Where two insert the same at once, one of them counts as deleted.
        SELECT relname, n_tup_del FROM pg_stat_user_tables
        WHERE n_tup_del > 0 AND relname IN (
            'ledger_transfer', 'core_auditentry', 'payments_event', 'payments_notice',
            'payments_statuschange', 'payments_seen', 'payments_disputefact')
        """,
    ),
]
