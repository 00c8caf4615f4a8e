"""A million payments of a merchant and its neighbours; one of them has thousands of refunds.

A hundred thousand of them are disputed, the oldest are still open.
"""

from uuid import UUID

from tests.conftest import Database
from tests.money import Shop, a_shop, owning

COUNT = 1_000_000
REFUNDS = 5_000
DISPUTES = 100_000
# One payment every ten seconds, so that a page of ten thousand is a little over a day.
FIRST_MS, STEP_MS = 1_767_225_600_000, 10_000  # 2026-01-01T00:00:00Z

# What is rare is old: a reading that looks for it from the newest on meets everything else first.
# Nine in ten payments are the merchant's own in test mode.
_PAYMENTS = """
    INSERT INTO payments_payment (id, merchant_id, mode, status, amount, currency, gateway,
        payment_method, return_url, reference, description, metadata, amount_captured,
        amount_refund_held, amount_overdrawn, amount_refunded, failure_code, failure_message,
        needs_review, review_reason, version, created_at)
    SELECT id_of(n), CASE n %% 20 WHEN 0 THEN %(other)s ELSE %(merchant)s END::uuid,
           CASE n %% 20 WHEN 1 THEN 'live' ELSE 'test' END,
           CASE WHEN rare THEN 'FAILED' ELSE 'SUCCESS' END,
           CASE WHEN rare THEN 999999999 ELSE 1000 + n %% 1000 END,
           CASE WHEN rare THEN 'JPY' ELSE 'INR' END,
           CASE WHEN rare THEN 'mock_failure' ELSE 'mock_success' END,
           '', '', 'order-' || n, '', '{}', CASE WHEN rare THEN 0 ELSE 1000 END, 0, 0, 0,
           CASE WHEN rare THEN 'declined' ELSE '' END, '', false, '', 3,
           to_timestamp((%(first)s + n * %(step)s) / 1000.0)
    FROM (SELECT n, n < 5000 AS rare FROM generate_series(1, %(count)s::bigint) AS n) AS numbers
"""
_REFUNDS = """
    INSERT INTO payments_refund (id, payment_id, merchant_id, mode, amount, currency, status,
        reason, is_rest, failure_code, failure_message, version)
    SELECT id_of(%(count)s + n), id_of(%(count)s - 2), %(merchant)s, 'test', 1, 'INR', 'SUCCEEDED',
           '', false, '', '', 2
    FROM generate_series(1, %(refunds)s::bigint) AS n
"""
_OPERATIONS = """
    INSERT INTO payments_operation (id, payment_id, refund_id, kind, gateway, amount, currency,
        state, provider_id, settled_at)
    SELECT id, payment_id, id, 'refund', 'mock_success', 1, 'INR', 'succeeded', 're', now()
    FROM payments_refund
"""
_ATTEMPTS = """
    INSERT INTO payments_attempt (id, operation_id, kind, provider_key, message_id, epoch,
        answered_at, outcome, provider_id, currency, code, detail)
    SELECT gen_random_uuid(), id, 'send', id, gen_random_uuid(), 1, now(), 'succeeded', 're', '',
           '', ''
    FROM payments_operation
"""
_DISPUTES = """
    INSERT INTO payments_dispute (id, payment_id, merchant_id, mode, gateway, provider_id, amount,
        currency, reason, status, version, opened_at, decided_at)
    SELECT id, id, merchant_id, mode, gateway, 'dp_' || id, 1, currency, '',
           CASE WHEN rare THEN 'OPEN' ELSE 'LOST' END, 2, now(), CASE WHEN NOT rare THEN now() END
    FROM (SELECT *, id < id_of(400) AS rare FROM payments_payment
          WHERE id <= id_of(%(disputes)s)) AS disputed
"""
_ID_OF = """
    CREATE FUNCTION id_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT (lpad(to_hex({first} + n * {step}), 12, '0') || '70008000'
                || lpad(to_hex(n), 12, '0'))::uuid $$
"""
_TABLES = ("payment", "refund", "operation", "attempt", "dispute")


def id_of(number: int) -> UUID:
    """Return the id of a payment by its number, the newest of which is the greatest."""
    return UUID(int=(FIRST_MS + number * STEP_MS) << 80 | 0x7000_8000 << 48 | number)


def fill(database: Database) -> Shop:
    """Write everything, and return the merchant whose most of it is."""
    shop, other = a_shop(), a_shop()
    given = {
        "merchant": str(shop.merchant.id),
        "other": str(other.merchant.id),
        "first": FIRST_MS,
        "step": STEP_MS,
        "count": COUNT,
        "refunds": REFUNDS,
        "disputes": DISPUTES,
    }
    with owning(database) as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        for table in _TABLES:
            # The lives that the triggers ask for are told elsewhere.
            cursor.execute(f"ALTER TABLE payments_{table} DISABLE TRIGGER USER")
        cursor.execute(_ID_OF.format(first=FIRST_MS, step=STEP_MS))
        for sql in (_PAYMENTS, _REFUNDS, _DISPUTES):
            cursor.execute(sql, given)
        for sql in (_OPERATIONS, _ATTEMPTS):
            cursor.execute(sql)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE payments_{table} ENABLE TRIGGER USER")
    own = database.connect(owner=True)
    own.autocommit = True
    with own.cursor() as cursor:
        for table in _TABLES:
            cursor.execute(f"VACUUM (ANALYZE) payments_{table}")
    own.close()
    return shop
