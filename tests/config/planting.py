"""The words in which damage to a day's database is written."""

from typing import NamedTuple


class Damage(NamedTuple):
    """SQL, run with triggers off and without constraints, and what else it breaks."""

    sql: str
    also: tuple[str, ...] = ()


def first(table: str, where: str) -> str:
    return f"(SELECT id FROM {table} WHERE {where} ORDER BY id LIMIT 1)"


PLAIN = first(
    "payments_payment", "status = 'SUCCESS' AND amount_refunded = 0 AND gateway = 'mock_success'"
)
PARTLY = first("payments_payment", "status = 'SUCCESS' AND amount_refunded > 0")
REFUNDED = first("payments_payment", "status = 'REFUNDED'")
FAILED = first("payments_payment", "status = 'FAILED'")
DOUBTED = first("payments_payment", "status = 'PROCESSING'")
FAILED_REFUND = first("payments_refund", "status = 'FAILED'")
DONE = first("outbox_message", "state = 8 AND starts > 0")


def charge(payment: str) -> str:
    return first("payments_operation", f"kind = 'charge' AND payment_id = {payment}")


def booking(kind: str, source: str) -> str:
    return first("ledger_transaction", f"kind = '{kind}' AND source_id = {source}")


def copy(table: str, where: str, **changed: str) -> str:
    """Return the statement that inserts a copy of a row with another id, and other values."""
    members = ", ".join(f"'{name}', {value}" for name, value in changed.items())
    return f"""
        INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object(
            'id', gen_random_uuid() {", " + members if members else ""}))).*
        FROM {table} t WHERE {where} LIMIT 1
    """
