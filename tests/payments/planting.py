"""Rows of payments, written in plain SQL by whoever holds the connection."""

from typing import Any
from uuid import uuid4

from psycopg2.extensions import connection as Connection

_PATHS = {
    "CREATED": [],
    "PROCESSING": ["PROCESSING"],
    "SUCCESS": ["PROCESSING", "SUCCESS"],
    "FAILED": ["PROCESSING", "FAILED"],
    "REFUNDED": ["PROCESSING", "SUCCESS", "REFUNDED"],
    "REQUIRES_ACTION": ["PROCESSING", "REQUIRES_ACTION"],
    "AUTHORIZED": ["PROCESSING", "AUTHORIZED"],
    "CANCELED": ["CANCELED"],
    "EXPIRED": ["PROCESSING", "EXPIRED"],
}


def insert(connection: Connection, table: str, **columns: Any) -> str:
    """Insert a row and return its id."""
    columns = {"id": str(uuid4()), **columns}
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        cursor.execute(sql, list(columns.values()))
    return str(columns["id"])


def update(connection: Connection, table: str, row_id: str, **columns: Any) -> int:
    """Update a row and return how many there were."""
    sets = ", ".join(f"{name} = %s" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {sets} WHERE id = %s", [*columns.values(), row_id])
        return int(cursor.rowcount)


def plant_merchant(connection: Connection) -> str:
    return insert(
        connection, "core_merchant", name="Shop", status="active", default_gateway="mock_success"
    )


def payment_row(connection: Connection, **columns: Any) -> dict[str, Any]:
    return {
        "merchant_id": columns.pop("merchant_id", None) or plant_merchant(connection),
        "mode": "test",
        "status": "CREATED",
        "amount": 1_000,
        "currency": "INR",
        "gateway": "mock_success",
        "payment_method": "",
        "return_url": "",
        "reference": "",
        "description": "",
        "metadata": "{}",
        "amount_captured": 0,
        "amount_refund_held": 0,
        "amount_overdrawn": 0,
        "amount_refunded": 0,
        "failure_code": "",
        "failure_message": "",
        "needs_review": False,
        "review_reason": "",
        "version": 1,
        **columns,
    }


def _standing(status: str) -> dict[str, Any]:
    captured = 1_000 if status in {"SUCCESS", "REFUNDED"} else 0
    return {
        "status": status,
        "amount_captured": captured,
        "amount_refunded": captured if status == "REFUNDED" else 0,
        "failure_code": "declined" if status == "FAILED" else "",
        "next_action_url": "https://pay.test/act" if status == "REQUIRES_ACTION" else "",
    }


def plant_payment(
    connection: Connection, status: str = "CREATED", *, at_once: bool = False, **columns: Any
) -> str:
    """Plant a payment that went the whole way to a status, or was there at once."""
    start = _standing(status) if at_once else {}
    payment_id = insert(
        connection, "payments_payment", **payment_row(connection, **start, **columns)
    )
    for version, step in enumerate([] if at_once else _PATHS[str(status)], start=2):
        update(connection, "payments_payment", payment_id, **_standing(step), version=version)
    return payment_id


def refund_row(connection: Connection, payment_id: str, **columns: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT merchant_id FROM payments_payment WHERE id = %s", [payment_id])
        (merchant_id,) = cursor.fetchone() or (None,)
    return {
        "payment_id": payment_id,
        "merchant_id": merchant_id,
        "mode": "test",
        "amount": 100,
        "currency": "INR",
        "status": "PENDING",
        "reason": "",
        "is_rest": False,
        "failure_code": "",
        "failure_message": "",
        "version": 1,
        **columns,
    }


def plant_refund(
    connection: Connection,
    payment_id: str,
    status: str = "PENDING",
    *,
    at_once: bool = False,
    **columns: Any,
) -> str:
    """Plant a refund that went to a status, or was there at once."""
    failure = {"status": status, "failure_code": "declined" if status == "FAILED" else ""}
    start = failure if at_once else {}
    row = refund_row(connection, payment_id, **start, **columns)
    refund_id = insert(connection, "payments_refund", **row)
    if status != "PENDING" and not at_once:
        update(connection, "payments_refund", refund_id, **failure, version=2)
    return refund_id


def plant_operation(connection: Connection, payment_id: str, **columns: Any) -> str:
    return insert(
        connection,
        "payments_operation",
        **{
            "payment_id": payment_id,
            "kind": "charge",
            "gateway": "mock_success",
            "amount": 1_000,
            "currency": "INR",
            "state": "open",
            "provider_id": "",
            **columns,
        },
    )


def plant_dispute(
    connection: Connection,
    payment_id: str,
    status: str = "OPEN",
    *,
    at_once: str = "OPEN",
    **columns: Any,
) -> str:
    """Plant a dispute over a payment, and bring it to a status; ``at_once`` is its first one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT merchant_id FROM payments_payment WHERE id = %s", [payment_id])
        (merchant_id,) = cursor.fetchone() or (None,)
    dispute_id = insert(
        connection,
        "payments_dispute",
        **{
            "payment_id": payment_id,
            "merchant_id": merchant_id,
            "mode": "test",
            "gateway": "mock_success",
            "provider_id": f"dp_{uuid4()}",
            "amount": 400,
            "currency": "INR",
            "reason": "",
            "status": at_once,
            "version": 1,
            **columns,
        },
    )
    if status != "OPEN":
        decided = {"status": status, "version": 2, "decided_at": "2026-01-01"}
        update(connection, "payments_dispute", dispute_id, **decided)
    return dispute_id


def plant_dispute_fact(connection: Connection, dispute_id: str, **columns: Any) -> str:
    fact = {"said": "opened", "amount": 400, "currency": "INR", "reason": "", **columns}
    return insert(connection, "payments_disputefact", dispute_id=dispute_id, **fact)


def plant_attempt(connection: Connection, operation_id: str, **columns: Any) -> str:
    return insert(
        connection,
        "payments_attempt",
        **{
            "operation_id": operation_id,
            "kind": "send",
            "provider_key": "k",
            "message_id": str(uuid4()),
            "epoch": 1,
            "outcome": "",
            "provider_id": "",
            "currency": "",
            "code": "",
            "detail": "",
            **columns,
        },
    )


def plant_notice(connection: Connection, operation_id: str, **columns: Any) -> str:
    return insert(
        connection,
        "payments_notice",
        **{
            "operation_id": operation_id,
            "outcome": "succeeded",
            "provider_id": "",
            "currency": "",
            "code": "",
            "detail": "",
            **columns,
        },
    )


def plant_seen(connection: Connection, operation_id: str, **columns: Any) -> str:
    audit_id = insert(
        connection,
        "core_auditentry",
        actor="ada",
        action="payment.review_ended",
        subject_type="payment",
        subject_id="1",
        reason="paid back by hand",
        before="{}",
        after="{}",
        request_id="",
    )
    seen = {"outcome": "succeeded", "provider_id": "", "currency": "", **columns}
    return insert(connection, "payments_seen", operation_id=operation_id, audit_id=audit_id, **seen)


def plant_change(connection: Connection, payment_id: str, **columns: Any) -> str:
    return insert(
        connection,
        "payments_statuschange",
        **{
            "payment_id": payment_id,
            "before": "CREATED",
            "after": "PROCESSING",
            "version": 2,
            "cause": "message",
            "cause_id": str(uuid4()),
            **columns,
        },
    )


def plant_event(connection: Connection, **columns: Any) -> str:
    return insert(
        connection,
        "payments_event",
        **{
            "merchant_id": columns.pop("merchant_id", None) or plant_merchant(connection),
            "mode": "test",
            "aggregatetype": "payment",
            "aggregateid": str(uuid4()),
            "type": "payment.created",
            "version": 1,
            "payload": "{}",
            **columns,
        },
    )
