"""Disputes: a payer's bank takes captured money back, and gives it back or keeps it.

A dispute that is only planned is there for nobody yet. A change, its effect and its webhooks are
written in one transaction.
"""

import sqlite3
from typing import Any
from uuid import uuid4

from simulator import letters, objects, plans
from simulator.faults import Decision, Script
from simulator.orders import Refused

STEP_SECONDS = 2.0
REASON = "fraudulent"
# What an event is called that tells of a dispute as it stands.
TOLD = {"open": "opened", "won": "won", "lost": "lost"}


def plan(db: sqlite3.Connection, charge: sqlite3.Row, script: Script, at: float) -> None:
    """Have a captured charge disputed after a while, and decided after another, as scripted."""
    if script.dispute:
        later = script.dispute if script.dispute in {"won", "lost"} else None
        _insert(db, charge, charge["captured"], at, status="planned", later=later)


def open_one(  # noqa: PLR0913 - a dispute, by name
    db: sqlite3.Connection,
    charge: sqlite3.Row,
    at: float,
    *,
    amount: int,
    reason: str = REASON,
    fee: int | None = None,
) -> sqlite3.Row:
    """Take money of a charge back, and tell.

    :raises Refused: if nothing was captured
    """
    if charge["status"] != "captured":
        raise Refused(422, "not_captured", f"a {charge['status']} charge cannot be disputed")
    dispute_id = _insert(db, charge, amount, at, status="open", reason=reason, fee=fee)
    return _told(db, dispute_id, at)


def decide(db: sqlite3.Connection, dispute_id: str, status: Decision, at: float) -> sqlite3.Row:
    """Give the money back (won) or keep it for good (lost), and tell; also a second time.

    :raises Refused: if there is no such dispute, or it is decided like this already
    """
    row = find(db, dispute_id)
    if row["status"] == status:
        raise Refused(422, "status_invalid", f"the dispute is {status} already")
    return _become(db, dispute_id, status, at)


def find(db: sqlite3.Connection, dispute_id: str) -> sqlite3.Row:
    """Return a dispute that was opened.

    :raises Refused: if there is none
    """
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM sim_dispute WHERE id = ? AND status <> 'planned'", (dispute_id,)
    ).fetchone()
    if row is None:
        raise Refused(404, "dispute_not_found", "there is no such dispute")
    return row


def settle_due(db: sqlite3.Connection, at: float) -> None:
    """Open and decide everything whose time has come."""
    while due := db.execute(
        "SELECT id, due_status FROM sim_dispute WHERE due_at <= ? ORDER BY due_at, seq", (at,)
    ).fetchall():
        for row in due:
            _become(db, row["id"], row["due_status"], at)


def taken(db: sqlite3.Connection, charge_id: str) -> int:
    """Return how much of a charge is disputed, or lost."""
    (amount,) = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM sim_dispute"
        " WHERE charge = ? AND status IN ('open', 'lost')",
        (charge_id,),
    ).fetchone()
    return int(amount)


def event(content: dict[str, Any], at: float) -> str:
    """Return the body of an event about a dispute as it stands."""
    return letters.event(content, TOLD[content["status"]], at)


def _insert(  # noqa: PLR0913 - a dispute, by name
    db: sqlite3.Connection,
    charge: sqlite3.Row,
    amount: int,
    at: float,
    *,
    status: str,
    reason: str = REASON,
    fee: int | None = None,
    later: Decision | None = None,
) -> str:
    is_planned = status == "planned"
    values = {
        "id": f"dp_{uuid4().hex}",
        "charge": charge["id"],
        # A dispute is nobody's order: it has its charge's reference.
        "reference": charge["reference"],
        "amount": amount,
        "currency": charge["currency"],
        "reason": reason,
        "fee": fee,
        "status": status,
        "created_at": at,
        "due_at": at + STEP_SECONDS if is_planned else None,
        "due_status": "open" if is_planned else None,
        "later_status": later,
    }
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    db.execute(f"INSERT INTO sim_dispute ({columns}) VALUES ({marks})", values)  # noqa: S608
    return str(values["id"])


def _become(db: sqlite3.Connection, dispute_id: str, status: str, at: float) -> sqlite3.Row:
    db.execute(
        "UPDATE sim_dispute SET status = :status,"
        " created_at = CASE WHEN :status = 'open' THEN :at ELSE created_at END,"
        " decided_at = CASE WHEN :status = 'open' THEN NULL ELSE :at END,"
        " due_at = CASE WHEN :status = 'open' AND later_status IS NOT NULL"
        " THEN due_at + :step END,"
        " due_status = CASE WHEN :status = 'open' THEN later_status END"
        " WHERE id = :id",
        {"status": status, "at": at, "step": STEP_SECONDS, "id": dispute_id},
    )
    return _told(db, dispute_id, at)


def _told(db: sqlite3.Connection, dispute_id: str, at: float) -> sqlite3.Row:
    row: sqlite3.Row = db.execute(
        "SELECT * FROM sim_dispute WHERE id = ?", (dispute_id,)
    ).fetchone()
    _move(db, row, at)
    modes = plans.of(db, "charge", row["reference"]).webhook
    letters.announce_dispute(db, event(objects.dispute_object(db, row), at), modes, at)
    return row


def _move(db: sqlite3.Connection, row: sqlite3.Row, at: float) -> None:
    """Have the money be where the dispute says that it is."""
    (effects,) = db.execute(
        "SELECT coalesce(sum(CASE kind WHEN 'dispute' THEN 1 ELSE -1 END), 0) FROM sim_effect"
        " WHERE object = ?",
        (row["id"],),
    ).fetchone()
    is_taken, was_taken = row["status"] in {"open", "lost"}, effects > 0
    if is_taken != was_taken:
        db.execute(
            "INSERT INTO sim_effect (at, kind, object, reference, amount, currency)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (at, "dispute" if is_taken else "dispute_won", row["id"], row["id"], row["amount"],
             row["currency"]),
        )  # fmt: skip
