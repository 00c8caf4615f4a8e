"""Requests for gateways, and a look into the mocks' effects that does not use the mocks' code."""

import sqlite3
from contextlib import closing
from typing import Any
from uuid import UUID

from core.ids import uuid7
from gateways.base import Capture, Charge, Deadline, Kind, Query, Refund, Send, Void

AMOUNT = 1_000


def in_time() -> Deadline:
    return Deadline.after(5)


def a_charge(payment_method: str = "", **given: Any) -> Charge:
    operation_id = uuid7()
    values = {
        "operation_id": operation_id,
        "key": f"charge-{operation_id}",
        "amount": AMOUNT,
        "currency": "INR",
        "payment_method": payment_method,
    }
    return Charge(**{**values, **given})


def a_refund(charge: Charge, **given: Any) -> Refund:
    operation_id = uuid7()
    values = {
        "operation_id": operation_id,
        "key": f"refund-{operation_id}",
        "amount": charge.amount,
        "currency": charge.currency,
        "charge_operation_id": charge.operation_id,
        "charge_provider_id": "",
    }
    return Refund(**{**values, **given})


def a_capture(charge: Charge, **given: Any) -> Capture:
    return Capture(**_done_to(charge, "capture", given))


def a_void(charge: Charge, **given: Any) -> Void:
    return Void(**_done_to(charge, "void", given))


def _done_to(charge: Charge, kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    operation_id = uuid7()
    return {
        "operation_id": operation_id,
        "key": f"{kind}-{operation_id}",
        "amount": charge.amount,
        "currency": charge.currency,
        "charge_operation_id": charge.operation_id,
        "charge_provider_id": "",
        **given,
    }


_KINDS: dict[type[Send], Kind] = {
    Charge: "charge", Capture: "capture", Void: "void", Refund: "refund"
}  # fmt: skip


def asking_for(request: Send) -> Query:
    return Query(
        operation_id=request.operation_id,
        kind=_KINDS[type(request)],
        key=request.key,
        amount=request.amount,
        currency=request.currency,
        charge_operation_id=None if isinstance(request, Charge) else request.charge_operation_id,
    )


def effects(database: str, operation_id: UUID | None = None) -> list[tuple[str, int, str]]:
    """Return kind, amount and currency of everything that happened (to one operation)."""
    sql = "SELECT kind, amount, currency FROM effects WHERE ? IN (operation, '') ORDER BY rowid"
    with closing(sqlite3.connect(database)) as db:
        return db.execute(sql, (str(operation_id or ""),)).fetchall()
