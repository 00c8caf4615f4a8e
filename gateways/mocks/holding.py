"""What a mock holds of a charge, and what may still be done to it: taken, let go, given back."""

import sqlite3
from dataclasses import dataclass

from gateways.base import Kind, OutcomeKind
from gateways.mocks.tokens import Script

# Whose a void is that the mock made by itself.
EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request as the books see it, with the script that chooses its result."""

    kind: Kind
    operation: str
    key: str
    amount: int
    currency: str
    script: Script
    charge_operation: str = ""
    payment_method: str = ""
    holds: bool = False
    pages: str = ""  # where a payer acts, if the script wants that
    return_url: str = ""


def refusal(db: sqlite3.Connection, entry: Entry) -> str:
    """Return why a charge does not allow this, or nothing."""
    if entry.kind == "charge":
        return ""
    charged = db.execute(
        "SELECT amount, currency, provider_id IN (SELECT provider_id FROM holds), status"
        " FROM objects WHERE kind = 'charge' AND operation = ?"
        " AND status IN ('succeeded', 'requires_action') ORDER BY status = 'succeeded' DESC",
        (entry.charge_operation,),
    ).fetchone()
    if charged is None:
        return "charge_not_found"
    amount, currency, holds, status = charged
    waits = status == OutcomeKind.REQUIRES_ACTION
    if currency != entry.currency:
        return "currency_differs"
    if entry.kind == "refund":
        taken = _sum(db, "capture", entry.charge_operation) if holds else amount
        given_back = _sum(db, "refund", entry.charge_operation)
        return "refund_exceeds_charge" if given_back + entry.amount > taken else ""
    is_in_hand = entry.kind == "void" if waits else holds
    if not is_in_hand or _is_done_with(db, entry.charge_operation):
        return "not_authorized"
    return "capture_exceeds_charge" if entry.kind == "capture" and entry.amount > amount else ""


def stop_waiting(db: sqlite3.Connection, void: str) -> None:
    """Wait no longer for the payer of a charge that this void lets go."""
    db.execute(
        "UPDATE objects SET status = 'declined', code = 'canceled', due_at = NULL"
        " WHERE kind = 'charge' AND status = 'requires_action' AND operation ="
        " (SELECT charge_operation FROM objects WHERE provider_id = ? AND kind = 'void')",
        (void,),
    )


def let_go_of_what_ran_out(db: sqlite3.Connection, now: float) -> None:
    """Let go of every hold whose time is over, unless it was taken or let go before."""
    over = db.execute(
        "SELECT provider_id, operation, amount, currency FROM holds JOIN objects"
        " USING (provider_id) WHERE expires_at <= ? AND status = 'succeeded'",
        (now,),
    ).fetchall()
    for provider_id, operation, amount, currency in over:
        db.execute("UPDATE holds SET expires_at = NULL WHERE provider_id = ?", (provider_id,))
        if not _is_done_with(db, operation):
            db.execute(
                "INSERT INTO objects (provider_id, kind, operation, charge_operation,"
                " payment_method, amount, currency, status, code, visible_at)"
                " VALUES (?, 'void', ?, ?, '', ?, ?, 'succeeded', '', ?)",
                (expiry_of(provider_id), EXPIRED, operation, amount, currency, now),
            )


def expiry_of(provider_id: str) -> str:
    """Return the id of the void that the mock makes when this charge runs out."""
    return f"vo_{provider_id.partition('_')[2]}"


def _is_done_with(db: sqlite3.Connection, charge_operation: str) -> bool:
    row = db.execute(
        "SELECT 1 FROM objects WHERE kind IN ('capture', 'void') AND charge_operation = ?"
        " AND status IN ('succeeded', 'pending')",
        (charge_operation,),
    ).fetchone()
    return row is not None


def _sum(db: sqlite3.Connection, kind: Kind, charge_operation: str) -> int:
    (total,) = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM objects WHERE kind = ? AND charge_operation = ?"
        " AND status IN ('succeeded', 'pending')",
        (kind, charge_operation),
    ).fetchone()
    return int(total)
