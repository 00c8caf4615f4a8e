"""What lists rely on: a reference that names one payment, and ids that tell when it was created."""

from core.invariants import Invariant
from payments.listing import ID_AFTER_MAX, ID_BEFORE_MAX

# The first 48 bits are milliseconds. An id that is no UUIDv7 tells of another time, too.
_ID_AT = """
    to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)"""

INVARIANTS = [
    Invariant(
        "payments-reference-names-one",
        "a reference is that of one payment of a merchant and mode",
        """
        SELECT merchant_id, mode, count(*) FROM payments_payment WHERE reference <> ''
        GROUP BY merchant_id, mode, reference HAVING count(*) > 1
        """,
    ),
    Invariant(
        "payments-id-tells-the-time",
        "a payment's id is of the time it was created, as far as lists rely on that",
        f"""
        SELECT id, created_at FROM payments_payment
        WHERE {_ID_AT} NOT BETWEEN created_at - interval '{ID_BEFORE_MAX.total_seconds()} seconds'
                               AND created_at + interval '{ID_AFTER_MAX.total_seconds()} seconds'
        """,  # noqa: S608 - our own constants
    ),
]
