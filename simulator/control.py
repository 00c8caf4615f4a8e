"""Commands to the provider, for tests and demos: its clock, its faults, facts out of the blue."""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from simulator import (
    actions,
    disputes,
    faults,
    letters,
    money,
    objects,
    orders,
    outages,
    plans,
    profiles,
    reading,
)
from simulator.answers import Answer
from simulator.orders import KINDS, Order, Refused
from simulator.profiles import SILENCES, BadProfile
from simulator.store import Store, now, set_setting, setting

TIMES_MAX = 100
NUMBER_MAX = 1e10  # three centuries in seconds
Content = dict[str, Any]


def look(store: Store, path: str, query: reading.Query) -> Answer:
    """Return the state, or a page of calls, effects or webhooks."""
    if path == "/control/state":
        return _state(store)
    table = _TABLES.get(path)
    if table is None:
        return reading.unknown()
    limit, after = reading.page_of(query)
    with store.reading() as db:
        found = db.execute(
            f"SELECT * FROM {table} WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
            (after, limit + 1),
        ).fetchall()
    return Answer(200, reading.page([dict(row) for row in found[:limit]], found, limit))


def act(store: Store, path: str, raw: bytes) -> Answer:
    """Carry a command out.

    :raises Refused: if it cannot be
    """
    command = _COMMANDS.get(path)
    if command is None:
        return reading.unknown()
    content = orders.parsed(raw)
    with store.writing() as db:
        answer = command(db, content)
        money.settle_due(db, now(db))
    return answer


def _state(store: Store) -> Answer:
    with store.reading() as db:
        count = {
            name: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for name, table in (("charges", "sim_charge"), ("refunds", "sim_refund"),
                                ("disputes", "sim_dispute"),
                                ("effects", "sim_effect"), ("calls", "sim_call"))
        }  # fmt: skip
        (waiting,) = db.execute(
            "SELECT count(*) FROM sim_letter WHERE delivered_at IS NULL AND given_up_at IS NULL"
        ).fetchone()
        at = now(db)
        profile = json.loads(setting(db, "profile", "{}"))
        state = {
            **count,
            "webhooks_waiting": waiting,
            "now": objects.iso(at),
            "silence": outages.silence(db, at),
            "profile": profile,
        }
    return Answer(200, state)


def _clock(db: sqlite3.Connection, content: Content) -> Answer:
    """Set the clock forward, or to so many seconds from the machine's."""
    offset = float(setting(db, "clock_offset_seconds", "0"))
    if "advance_seconds" in content:
        offset += _number(content, "advance_seconds")
    else:
        offset = _number(content, "offset_seconds")
    set_setting(db, "clock_offset_seconds", offset)
    return Answer(200, {"offset_seconds": offset, "now": objects.iso(now(db))})


def _outage(db: sqlite3.Connection, content: Content) -> Answer:
    """Give nobody an answer, and send no webhook, for so many seconds; 0 ends it."""
    seconds, silence = _number(content, "seconds"), content.get("silence", "drop")
    if silence not in SILENCES:
        raise Refused(422, "silence_invalid", f"silence is one of {', '.join(SILENCES)}")
    outages.begin(db, seconds, silence, now(db))
    return Answer(200, {"seconds": seconds, "silence": silence})


def _faults(db: sqlite3.Connection, content: Content) -> Answer:
    """Give faults to one operation, or to the next new ones."""
    joined = str(content.get("faults", ""))
    if joined and not faults.is_known(joined):
        raise Refused(422, "faults_invalid", "there is no such fault")
    if "reference" in content:
        kind = content.get("kind", "charge")
        if kind not in KINDS:
            raise Refused(422, "kind_invalid", f"kind is one of {', '.join(KINDS)}")
        plans.order(db, kind, str(content["reference"]), joined)
    else:
        plans.order_next(db, int(_number(content, "next")), joined)
    return Answer(200, {"faults": joined})


def _profile(db: sqlite3.Connection, content: Content) -> Answer:
    """Draw the faults of new operations from another profile: a name, or the profile itself."""
    name, seed = content.get("name"), int(_number({"seed": 0, **content}, "seed"))
    if name is not None and name not in profiles.NAMED:
        raise Refused(422, "profile_invalid", f"name is one of {', '.join(profiles.NAMED)}")
    chosen = profiles.NAMED[name] if name is not None else content.get("profile", {})
    try:
        profiles.enforce(db, chosen, seed)
    except (BadProfile, AttributeError) as error:
        raise Refused(422, "profile_invalid", str(error)) from error
    return Answer(200, {"seed": seed, "profile": chosen})


def _charge(db: sqlite3.Connection, content: Content) -> Answer:
    """Decide a charge anew, as providers do: what had failed is captured after all.

    What is held is captured, wholly or in part, let go, or runs out: nobody has asked for it.
    """
    row = money.find_charge(db, str(content.get("id", "")), str(content.get("reference", "")))
    status, at = content.get("status"), now(db)
    if status not in _BECOMES.get(row["status"], {"captured", "failed"} - {row["status"]}):
        raise Refused(422, "status_invalid", f"a {row['status']} charge cannot become {status}")
    if status == "captured" and row["status"] in _WAS_HELD:
        amount = int(_number({"amount": row["amount"], **content}, "amount"))
        if not 0 < amount <= row["amount"]:
            raise Refused(422, "amount_invalid", "not so much was authorized")
        became = money.take(db, row, at, amount=amount, by="dashboard")
    elif status in {"voided", "expired"}:
        by = "expired" if status == "expired" else "dashboard"
        became = money.let_go(db, row, status, at, by=by)
    else:
        is_held = status == "captured" and row["capture_method"] == "manual"
        code = "do_not_honor" if status == "failed" else ""
        wanted = money.HELD if is_held else status
        became = money.become(db, "charge", row["id"], wanted, at, code=code)
    return Answer(200, objects.charge_object(db, became))


def _action(db: sqlite3.Connection, content: Content) -> Answer:
    """Approve or refuse, as the payer would at our page."""
    row = money.find_charge(db, str(content.get("id", "")), str(content.get("reference", "")))
    became = actions.act(db, row["id"], str(content.get("deed", "")), now(db))
    return Answer(200, objects.charge_object(db, became))


def _refund(db: sqlite3.Connection, content: Content) -> Answer:
    """Give money back as somebody at the provider's own dashboard would."""
    row = money.find_charge(db, str(content.get("id", "")), str(content.get("reference", "")))
    amount = content.get("amount", money.left_to_refund(db, row))
    raw = json.dumps(
        {
            "reference": content.get("refund_reference", "dashboard"),
            "charge": row["id"],
            "amount": amount,
            "currency": row["currency"],
            "reason": "made in the dashboard",
        }
    ).encode()
    order: Order = orders.read("refund", raw, "")
    made = money.refund(db, order, faults.Script(), now(db))
    return Answer(201, objects.refund_object(db, made))


def _dispute(db: sqlite3.Connection, content: Content) -> Answer:
    """Open a dispute over a charge, or decide one, also anew: as a payer's bank would."""
    at, status = now(db), content.get("status", "open")
    if status in {"won", "lost"}:
        row = disputes.decide(db, str(content.get("dispute", "")), status, at)
        return Answer(200, objects.dispute_object(db, row))
    if status != "open":
        raise Refused(422, "status_invalid", "status is open, won or lost")
    charge = money.find_charge(db, str(content.get("id", "")), str(content.get("reference", "")))
    asked = {"amount": charge["captured"] or charge["amount"], "fee": None, **content}
    amount, fee = (
        None if asked[name] is None else _number(asked, name) for name in ("amount", "fee")
    )
    if not amount or amount < 1 or (fee is not None and fee < 1):
        raise Refused(422, "amount_invalid", "amounts are whole numbers of minor units above 0")
    row = disputes.open_one(
        db,
        charge,
        at,
        amount=int(amount),
        reason=str(content.get("reason") or disputes.REASON),
        fee=None if fee is None else int(fee),
    )
    return Answer(201, objects.dispute_object(db, row))


def _webhook(db: sqlite3.Connection, content: Content) -> Answer:
    """Send a webhook about an object, true or not, once or more often."""
    wanted, status = str(content.get("object", "")), str(content.get("status", ""))
    kind = {"re": "refund", "dp": "dispute"}.get(wanted[:2], "charge")
    row = db.execute(
        f"SELECT * FROM sim_{kind} WHERE id = ?",  # noqa: S608
        (wanted,),
    ).fetchone()
    if row is None:
        raise Refused(404, f"{kind}_not_found", f"there is no such {kind}")
    times = int(_number({"times": 1, **content}, "times"))
    at = now(db)
    told = objects.shown(db, kind, row)
    told = objects.with_status(told, status) if status else told
    named = disputes.TOLD.get(told["status"], told["status"]) if kind == "dispute" else ""
    body = letters.event(told, named or told["status"], at)
    due_at = at + _number({"delay_seconds": 0, **content}, "delay_seconds")
    for _ in range(min(times, TIMES_MAX)):
        letters.write(db, body, at, due_at, forged=content.get("forged") is True)
    return Answer(201, json.loads(body))


def _number(content: Content, name: str) -> float:
    value = content.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < NUMBER_MAX:
        return float(value)
    raise Refused(422, f"{name}_invalid", f"{name} is a number")


# What control makes of a charge; of any other it makes the one of these that it is not.
_BECOMES: dict[str, set[str]] = {
    "captured": set(),
    "authorized": {"captured", "voided", "expired"},
    "voided": {"captured"},
    "expired": {"captured"},
}
_WAS_HELD = {"authorized", "voided", "expired"}
_TABLES = {
    "/control/calls": "sim_call",
    "/control/effects": "sim_effect",
    "/control/webhooks": "sim_letter",
}
_COMMANDS: dict[str, Callable[[sqlite3.Connection, Content], Answer]] = {
    "/control/clock": _clock,
    "/control/outage": _outage,
    "/control/faults": _faults,
    "/control/profile": _profile,
    "/control/charge": _charge,
    "/control/action": _action,
    "/control/refund": _refund,
    "/control/dispute": _dispute,
    "/control/webhook": _webhook,
}
