"""Which faults an operation has, and which of them the present call meets."""

import sqlite3
from dataclasses import dataclass

from simulator import faults, profiles
from simulator.faults import EVERY_CALL, Script
from simulator.store import set_setting, setting


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of an operation, and the number of this call of it, from 1."""

    faults: str
    call: int

    @property
    def script(self) -> Script:
        """What happens to the operation."""
        return faults.script(self.faults)

    @property
    def before(self) -> str:
        """The fault that this call meets before anything happens."""
        script = self.script
        is_met = script.before_calls == EVERY_CALL or self.call <= script.before_calls
        return script.before if is_met else ""

    @property
    def after(self) -> str:
        """What becomes of the answer to this call, if it gets as far as one."""
        script = self.script
        reached = self.call - (script.before_calls if script.before else 0)
        is_met = script.after_calls == EVERY_CALL or reached <= script.after_calls
        return script.after if is_met else ""


def next_call(db: sqlite3.Connection, kind: str, reference: str, asked_for: str) -> Plan:
    """Count a call of an operation, and return its plan; the first call decides the faults.

    What control has ordered for this operation wins, then what the request asks for, then what
    control has ordered for the next ones, then chance.
    """
    row = db.execute(
        "UPDATE sim_plan SET calls = calls + 1 WHERE kind = ? AND reference = ?"
        " RETURNING faults, calls",
        (kind, reference),
    ).fetchone()
    if row is None:
        row = _first_call(db, kind, reference, asked_for)
    return Plan(row["faults"], row["calls"])


def _first_call(db: sqlite3.Connection, kind: str, reference: str, asked_for: str) -> sqlite3.Row:
    ordinal = db.execute(
        "INSERT INTO sim_plan (kind, reference, faults, calls) VALUES (?, ?, ?, 1)"
        " RETURNING ordinal",
        (kind, reference, asked_for),
    ).fetchone()["ordinal"]
    chosen = asked_for or _ordered_for_next(db) or profiles.current(db).draw(ordinal)
    row: sqlite3.Row = db.execute(
        "UPDATE sim_plan SET faults = ? WHERE ordinal = ? RETURNING faults, calls",
        (chosen, ordinal),
    ).fetchone()
    return row


def next_look(db: sqlite3.Connection, kind: str, reference: str) -> str:
    """Count a look-up of an operation, and return the fault that it meets."""
    row = db.execute(
        "UPDATE sim_plan SET looks = looks + 1 WHERE kind = ? AND reference = ?"
        " RETURNING faults, looks",
        (kind, reference),
    ).fetchone()
    if row is None:
        return ""
    script = faults.script(row["faults"])
    is_met = script.look_calls == EVERY_CALL or row["looks"] <= script.look_calls
    return script.look if is_met else ""


def of(db: sqlite3.Connection, kind: str, reference: str) -> Script:
    """Return what happens to an operation, whether or not it was ever asked for."""
    row = db.execute(
        "SELECT faults FROM sim_plan WHERE kind = ? AND reference = ?", (kind, reference)
    ).fetchone()
    return faults.script(row["faults"] if row else "")


def order(db: sqlite3.Connection, kind: str, reference: str, joined: str) -> None:
    """Give an operation these faults from its next call on, whether or not it is known yet."""
    db.execute(
        "INSERT INTO sim_plan (kind, reference, faults) VALUES (?, ?, ?)"
        " ON CONFLICT (kind, reference) DO UPDATE SET faults = excluded.faults,"
        " calls = 0, looks = 0",
        (kind, reference, joined),
    )


def order_next(db: sqlite3.Connection, count: int, joined: str) -> None:
    """Give the next new operations these faults."""
    set_setting(db, "next_count", count)
    set_setting(db, "next_faults", joined)


def _ordered_for_next(db: sqlite3.Connection) -> str:
    left = int(setting(db, "next_count", "0"))
    if left <= 0:
        return ""
    set_setting(db, "next_count", left - 1)
    return setting(db, "next_faults")
