"""Charges and refunds, what they come to, and what becomes of them later.

Every change writes its effect and its webhooks in the same transaction.
"""

import sqlite3
from collections.abc import Collection
from uuid import uuid4

from simulator import disputes, faults, letters, plans
from simulator.faults import Result, Script
from simulator.letters import GOOD
from simulator.options import AUTHORIZATION_SECONDS
from simulator.orders import Order, Refused
from simulator.store import Store, now, setting

HELD, WAITING, EXPIRED = "authorized", "requires_action", "expired"
STATUS: dict[str, dict[Result, str]] = {
    kind: {
        "good": good,
        "bad": "failed",
        "pending": "pending",
        # Nobody has to approve that he gets his money back.
        "action": WAITING if kind == "charge" else good,
        "late": EXPIRED if kind == "charge" else good,
    }
    for kind, good in GOOD.items()
}


def charge(db: sqlite3.Connection, order: Order, script: Script, at: float) -> sqlite3.Row:
    """Take money as the script says, and return the charge (the first, if it is taken twice)."""
    rows = [_new_charge(db, order, script, at) for _ in range(script.times)]
    return rows[0]


def _new_charge(db: sqlite3.Connection, order: Order, script: Script, at: float) -> sqlite3.Row:
    status = STATUS["charge"][script.result]
    if status == GOOD["charge"] and not order.captures:
        status = HELD
    values = {
        **_common(order, script, at, kind="charge"),
        "payment_method": order.payment_method,
        "description": order.description,
        "capture_method": "automatic" if order.captures else "manual",
        "status": status,
        "captured": order.amount if status == "captured" else 0,
        "authorized_at": at if status == HELD else None,
        "expires_at": _expiry(db, at) if status == HELD else None,
        "return_url": order.return_url,
    }
    if status == WAITING:
        values["action_url"] = f"{setting(db, 'public_url')}/actions/{values['id']}"
        if script.later == "good":
            values["due_status"] = approved(script)
    return _insert(db, "charge", values, script, at)


def approved(script: Script) -> str:
    """Return what becomes of a charge whose payer approves it."""
    return "pending" if script.is_approval_pending else GOOD["charge"]


def _expiry(db: sqlite3.Connection, at: float) -> float:
    return at + float(setting(db, "authorization_seconds", str(AUTHORIZATION_SECONDS)))


def refund(db: sqlite3.Connection, order: Order, script: Script, at: float) -> sqlite3.Row:
    """Give money back as the script says, never more than was captured.

    :raises Refused: if there is no such charge, or not so much left of it
    """
    charged = find_charge(db, order.charge, order.charge_reference)
    assert order.amount is not None
    if charged["currency"] != order.currency:
        raise Refused(422, "currency_differs", "a refund has its charge's currency")
    if order.amount > left_to_refund(db, charged):
        raise Refused(422, "refund_exceeds_charge", "there is not so much left to refund")
    values = {
        **_common(order, script, at, kind="refund"),
        "charge": charged["id"],
        "reason": order.reason,
        "status": STATUS["refund"][script.result],
    }
    return _insert(db, "refund", values, script, at)


def left_to_refund(db: sqlite3.Connection, charged: sqlite3.Row) -> int:
    """Return how much of a charge was neither given back, nor set aside for that, nor disputed."""
    (gone,) = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM sim_refund WHERE charge = ? AND status <> 'failed'",
        (charged["id"],),
    ).fetchone()
    return int(charged["captured"]) - int(gone) - disputes.taken(db, charged["id"])


def capture(db: sqlite3.Connection, order: Order, script: Script, at: float) -> sqlite3.Row:
    """Take what was authorized, or a part of it.

    :raises Refused: if the charge is not authorized, or the amount is more than that
    """
    charged = _in_hand(db, order, script, {HELD})
    amount = order.amount or charged["amount"]
    if amount > charged["amount"]:
        raise Refused(422, "capture_exceeds_charge", "not so much was authorized")
    return take(db, charged, at, amount=amount, by=order.reference)


def void(db: sqlite3.Connection, order: Order, script: Script, at: float) -> sqlite3.Row:
    """Let go of what was authorized, or wait for the payer no longer.

    :raises Refused: if the charge is neither
    """
    charged = _in_hand(db, order, script, {HELD, WAITING})
    return let_go(db, charged, "voided", at, by=order.reference)


def take(
    db: sqlite3.Connection, charged: sqlite3.Row, at: float, *, amount: int, by: str
) -> sqlite3.Row:
    """Capture what is held, and write down whose request that was."""
    db.execute("UPDATE sim_charge SET capture_reference = ? WHERE id = ?", (by, charged["id"]))
    return become(db, "charge", charged["id"], "captured", at, amount=amount)


def let_go(
    db: sqlite3.Connection, charged: sqlite3.Row, status: str, at: float, *, by: str
) -> sqlite3.Row:
    """Void a charge, or have it expire, and write down whose request that was."""
    return become(db, "charge", charged["id"], status, at, void_reference=by)


def _in_hand(
    db: sqlite3.Connection, order: Order, script: Script, statuses: Collection[str]
) -> sqlite3.Row:
    charged = find_charge(db, order.charge, "")
    if charged["status"] not in statuses:
        raise Refused(409, "not_authorized", f"the charge is {charged['status']}")
    if script.result == "bad":
        raise Refused(402, script.code, "the request was declined")
    return charged


def find_charge(db: sqlite3.Connection, charge_id: str, reference: str) -> sqlite3.Row:
    """Return a charge by its id, else by its reference, captured ones first.

    :raises Refused: if there is none
    """
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM sim_charge WHERE id = ? OR (? = '' AND reference = ?)"
        " ORDER BY status = 'captured' DESC, seq LIMIT 1",
        (charge_id, charge_id, reference),
    ).fetchone()
    if row is None:
        raise Refused(404, "charge_not_found", "there is no such charge")
    return row


def bring_up_to_date(store: Store) -> None:
    """Settle what is due, if anything is."""
    with store.reading() as db:
        at = now(db)
        is_due = any(
            db.execute(f"SELECT 1 FROM {what} <= ? LIMIT 1", (at,)).fetchone()  # noqa: S608
            for what in ("sim_charge WHERE due_at", "sim_refund WHERE due_at",
                         "sim_dispute WHERE due_at", "sim_charge WHERE expires_at")
        )  # fmt: skip
    if is_due:
        with store.writing() as db:
            settle_due(db, now(db))


def settle_due(db: sqlite3.Connection, at: float) -> None:
    """Bring everything whose time has come to what it comes to."""
    for kind in ("charge", "refund"):
        due = db.execute(
            f"SELECT * FROM sim_{kind} WHERE due_at <= ?",  # noqa: S608
            (at,),
        ).fetchall()
        for row in due:
            if kind == "charge":
                decide(db, row, row["due_status"], at, code=row["due_code"])
            else:
                become(db, kind, row["id"], row["due_status"], at, code=row["due_code"])
    for row in db.execute("SELECT * FROM sim_charge WHERE expires_at <= ?", (at,)).fetchall():
        let_go(db, row, EXPIRED, at, by=EXPIRED)
    disputes.settle_due(db, at)


def decide(
    db: sqlite3.Connection, charged: sqlite3.Row, status: str, at: float, *, code: str = ""
) -> sqlite3.Row:
    """Give a charge the status that it comes to: what is good is only held, if it is to be."""
    if status == GOOD["charge"] and charged["capture_method"] == "manual":
        status = HELD
    by = EXPIRED if status == EXPIRED else ""
    return become(db, "charge", charged["id"], status, at, code=code, void_reference=by)


def become(  # noqa: PLR0913 - one change, by name
    db: sqlite3.Connection,
    kind: str,
    object_id: str,
    status: str,
    at: float,
    *,
    code: str = "",
    amount: int | None = None,
    void_reference: str = "",
) -> sqlite3.Row:
    """Give a charge or refund its new status, move the money that goes with it, and tell."""
    if kind == "charge":
        # One that becomes pending was approved by its payer, and is decided soon.
        db.execute(
            "UPDATE sim_charge SET status = :status, code = :code,"
            " due_at = CASE WHEN :status = 'pending' THEN :decided_at END,"
            " due_status = 'captured', due_code = '',"
            " acted_at = CASE WHEN status = 'requires_action'"
            " AND :status NOT IN ('expired', 'voided') THEN :at ELSE acted_at END,"
            " captured = CASE WHEN :status = 'captured' THEN coalesce(:amount, amount) ELSE 0 END,"
            " authorized_at = CASE WHEN :status = 'authorized' THEN :at ELSE authorized_at END,"
            " expires_at = CASE WHEN :status = 'authorized' THEN :expires_at END,"
            " void_reference = :void_reference"
            " WHERE id = :id",
            {"status": status, "code": code, "amount": amount, "id": object_id, "at": at,
             "decided_at": at + faults.PENDING_SECONDS, "expires_at": _expiry(db, at),
             "void_reference": void_reference},
        )  # fmt: skip
    else:
        db.execute(
            "UPDATE sim_refund SET status = ?, code = ?, due_at = NULL WHERE id = ?",
            (status, code, object_id),
        )
    return _landed(db, kind, object_id, at)


def _common(order: Order, script: Script, at: float, *, kind: str) -> dict[str, object]:
    has_later = script.later and (kind == "charge" or script.result != "action")
    return {
        "id": f"{kind[:2]}_{uuid4().hex}",
        "reference": order.reference,
        "amount": order.amount,
        "currency": order.currency,
        "code": script.code,
        "created_at": at,
        "found_from": at + script.find_lag_seconds,
        "listed_from": at + script.list_lag_seconds,
        "shown_from": at + script.status_lag_seconds,
        "due_at": at + script.later_seconds if has_later else None,
        "due_status": STATUS[kind][script.later] if script.later else None,
        "due_code": script.later_code,
    }


def _insert(
    db: sqlite3.Connection, kind: str, values: dict[str, object], script: Script, at: float
) -> sqlite3.Row:
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    db.execute(f"INSERT INTO sim_{kind} ({columns}) VALUES ({marks})", values)  # noqa: S608
    return _landed(db, kind, str(values["id"]), at, script)


def _landed(
    db: sqlite3.Connection, kind: str, object_id: str, at: float, script: Script | None = None
) -> sqlite3.Row:
    row: sqlite3.Row = db.execute(
        f"SELECT * FROM sim_{kind} WHERE id = ?",  # noqa: S608
        (object_id,),
    ).fetchone()
    if row["status"] == GOOD[kind]:
        amount = row["captured"] if kind == "charge" else row["amount"]
        db.execute(
            "INSERT INTO sim_effect (at, kind, object, reference, amount, currency)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (at, "capture" if kind == "charge" else kind, object_id, row["reference"], amount,
             row["currency"]),
        )  # fmt: skip
    known = script or plans.of(db, kind, row["reference"])
    if kind == "charge" and row["status"] == GOOD[kind]:
        disputes.plan(db, row, known, at)
    letters.announce(db, kind, row, known.webhook, at)
    return row


def faults_asked_with_charge(db: sqlite3.Connection, order: Order) -> str:
    """Return the faults that a charge's payment method asks for what is done to it later."""
    try:
        charged = find_charge(db, order.charge, order.charge_reference)
    except Refused:
        return ""
    return faults.names_in(charged["payment_method"], faults.LATER_PREFIXES[order.kind])
