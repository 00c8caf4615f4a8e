"""Arranging events without the payments they would tell of, and numbering them."""

from typing import Any
from uuid import UUID

from psycopg2.extensions import connection as Connection

from core.db import rows, transaction
from core.ids import uuid7
from core.models import Merchant
from payments import numbering
from payments.numbering import Batch
from payments.numbering_invariants import INVARIANTS

WRITE = """
    INSERT INTO payments_event (id, merchant_id, mode, aggregatetype, aggregateid, type, version,
                                payload)
    VALUES (%s, %s, %s, 'payment', gen_random_uuid(), 'payment.created', 1, '{}')
"""
# The mark as it comes in a dump of a server that had counted further.
ELSEWHERE = """
    ALTER TABLE payments_numbering DISABLE TRIGGER USER;
    UPDATE payments_numbering SET system_identifier = 1, xid = '9000000000';
    ALTER TABLE payments_numbering ENABLE ALWAYS TRIGGER payments_numbering_goes_forward;
    ALTER TABLE payments_numbering ENABLE ALWAYS TRIGGER payments_numbering_kept;
    ALTER TABLE payments_numbering ENABLE ALWAYS TRIGGER payments_numbering_not_truncated;
"""


def a_merchant() -> Merchant:
    return Merchant.objects.create(name="Shop", default_gateway="mock_success")


def write(merchant: Merchant, mode: str = "test", by: Connection | None = None) -> UUID:
    """Write an event; on another connection its transaction stays open."""
    made = uuid7()
    values = [str(made), str(merchant.id), mode]
    if by is None:
        rows(WRITE, values)
    else:
        with by.cursor() as cursor:
            cursor.execute(WRITE, values)
    return made


def number(most: int = numbering.BATCH_EVENTS) -> Batch:
    with transaction():
        batch = numbering.number(most)
    assert batch is not None
    return batch


def told(merchant: Merchant, mode: str = "test") -> list[tuple[Any, ...]]:
    """Return the numbers and ids of a feed."""
    return rows(
        "SELECT number, event_id FROM payments_eventnumber"
        " WHERE merchant_id = %s AND mode = %s ORDER BY number",
        [merchant.id, mode],
    )


def broken() -> list[str]:
    """Return the invariants of numbers that do not hold."""
    return [one.name for one in INVARIANTS if rows(one.sql)]
