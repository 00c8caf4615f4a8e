"""Charges and refunds as the API shows them."""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

ACCOUNT = "acct_simulator"


def charge_object(
    db: sqlite3.Connection, row: sqlite3.Row, now: float | None = None
) -> dict[str, Any]:
    """Return a charge; with a time, as a look-up at that time shows it."""
    is_stale = now is not None and now < row["shown_from"]
    (refunded,) = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM sim_refund WHERE charge = ? AND status = 'succeeded'",
        (row["id"],),
    ).fetchone()
    return {
        **_common("charge", row, is_stale=is_stale),
        "captured_amount": 0 if is_stale else row["captured"],
        "refunded_amount": refunded,
        "capture_method": row["capture_method"],
        "authorized": row["authorized_at"] is not None and not is_stale,
        "capture_reference": row["capture_reference"] or None,
        "void_reference": row["void_reference"] or None,
        "payment_method": row["payment_method"],
        "description": row["description"],
        "action": None if is_stale else _action(row),
    }


def _action(row: sqlite3.Row) -> dict[str, Any] | None:
    """Return what the payer has to do, or has done."""
    if not row["action_url"]:
        return None
    return {
        "type": "redirect",
        "url": row["action_url"],
        "taken_at": iso(row["acted_at"]) if row["acted_at"] else None,
    }


def refund_object(
    db: sqlite3.Connection, row: sqlite3.Row, now: float | None = None
) -> dict[str, Any]:
    """Return a refund; with a time, as a look-up at that time shows it."""
    is_stale = now is not None and now < row["shown_from"]
    (charge_reference,) = db.execute(
        "SELECT reference FROM sim_charge WHERE id = ?", (row["charge"],)
    ).fetchone()
    return {
        **_common("refund", row, is_stale=is_stale),
        "charge": row["charge"],
        "charge_reference": charge_reference,
        "reason": row["reason"],
    }


def dispute_object(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    """Return a dispute."""
    (charge_reference,) = db.execute(
        "SELECT reference FROM sim_charge WHERE id = ?", (row["charge"],)
    ).fetchone()
    decided_at = row["decided_at"]
    return {
        "object": "dispute",
        "id": row["id"],
        "account": ACCOUNT,
        "charge": row["charge"],
        "charge_reference": charge_reference,
        "amount": row["amount"],
        "currency": row["currency"],
        "reason": row["reason"],
        "fee": row["fee"],
        "status": row["status"],
        "created_at": iso(row["created_at"]),
        "decided_at": None if decided_at is None else iso(decided_at),
    }


def _common(kind: str, row: sqlite3.Row, *, is_stale: bool) -> dict[str, Any]:
    code = "" if is_stale else row["code"]
    return {
        "object": kind,
        "id": row["id"],
        "account": ACCOUNT,
        "reference": row["reference"],
        "amount": row["amount"],
        "currency": row["currency"],
        "status": "pending" if is_stale else row["status"],
        "failure": {"code": code, "message": code.replace("_", " ")} if code else None,
        "created_at": iso(row["created_at"]),
    }


def iso(unix_seconds: float) -> str:
    """Return a time as RFC 3339 in UTC."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds")


def shown(
    db: sqlite3.Connection, kind: str, row: sqlite3.Row, now: float | None = None
) -> dict[str, Any]:
    """Return a charge, a refund or a dispute."""
    if kind == "dispute":
        return dispute_object(db, row)
    return charge_object(db, row, now) if kind == "charge" else refund_object(db, row, now)


def with_status(content: Mapping[str, Any], status: str) -> dict[str, Any]:
    """Return the object as it would look with another status."""
    changed = {**content, "status": status}
    if content["object"] == "dispute":
        return changed
    if status == "failed":
        changed["failure"] = {"code": "do_not_honor", "message": "do not honor"}
    elif status != "failed":
        changed["failure"] = None
    if "captured_amount" in changed:
        changed["captured_amount"] = changed["amount"] if status == "captured" else 0
    return changed
