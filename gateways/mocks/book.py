"""What happened at the mocks: one SQLite file for all of them, in all threads and processes.

``effects`` has one row per charge, capture or refund that moved money, so that "charged once" can
be counted outside our own database. Without keys the same operation sent twice is charged twice,
as it would be at a provider.

The file survives a killed process. It is never synced, so it need not survive a power cut.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from uuid import uuid4

from gateways.base import Found, Kind, NotFound, Outcome, OutcomeKind, Sighting, UnexpectedAnswer
from gateways.mocks import holding
from gateways.mocks.file import SharedFile
from gateways.mocks.holding import EXPIRED as EXPIRED  # noqa: PLC0414
from gateways.mocks.holding import Entry as Entry  # noqa: PLC0414
from gateways.mocks.holding import expiry_of as expiry_of  # noqa: PLC0414
from gateways.mocks.tokens import Script

_SCHEMA = """
CREATE TABLE IF NOT EXISTS effects (
    kind TEXT NOT NULL,
    operation TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    at REAL NOT NULL  -- Unix seconds
);
CREATE INDEX IF NOT EXISTS effects_operation ON effects (operation);
CREATE TABLE IF NOT EXISTS objects (
    provider_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    operation TEXT NOT NULL,
    charge_operation TEXT NOT NULL,
    payment_method TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT NOT NULL,
    visible_at REAL NOT NULL,
    due_at REAL,  -- when due_status becomes the status
    due_status TEXT,
    due_code TEXT
);
CREATE INDEX IF NOT EXISTS objects_operation ON objects (kind, operation);
CREATE INDEX IF NOT EXISTS objects_done_to_charge ON objects (charge_operation, kind)
    WHERE kind <> 'charge';
CREATE TABLE IF NOT EXISTS holds (  -- the charges that take nothing by themselves
    provider_id TEXT PRIMARY KEY,
    expires_at REAL
);
CREATE INDEX IF NOT EXISTS holds_expire ON holds (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_due ON objects (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS actions (provider_id TEXT PRIMARY KEY, url TEXT, return_url TEXT);
CREATE TABLE IF NOT EXISTS faults (
    operation TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (operation, name)
);
"""


@dataclass(frozen=True, slots=True)
class Written:
    """What the books answer, and when a later result will replace it.

    An answer kept under the key announces nothing: its first giving did.
    """

    outcome: Outcome
    due_at: float | None
    expires_at: float | None = None
    is_new: bool = True


class Book:
    """The books in one file."""

    def __init__(self, path: str) -> None:
        self._file = SharedFile(path, _SCHEMA)

    def write(self, entry: Entry, *, key_lifetime_seconds: float | None) -> Written:
        """Carry the request out, once per key while the key lives; None means without keys.

        :raises UnexpectedAnswer: if the key was used before for another request
        """
        with self.writing() as db:
            now = time.time()
            if key_lifetime_seconds is not None:
                kept = _kept_answer(db, entry, now - key_lifetime_seconds)
                if kept is not None:
                    return Written(kept, due_at=None, is_new=False)
            written = _carry_out(db, entry, now)
            if key_lifetime_seconds is not None:
                _keep_answer(db, entry, written.outcome, now)
            return written

    def find(self, kind: Kind, operation: str) -> Found | NotFound:
        """Return how the operation stands now; a success wins over whatever else is there."""
        with self.writing() as db:
            found = db.execute(
                "SELECT status, provider_id, amount, currency, code, url"
                " FROM objects LEFT JOIN actions USING (provider_id)"
                " WHERE kind = ? AND operation = ? AND visible_at <= ?"
                " ORDER BY status = 'succeeded' DESC, status = 'declined'",
                (kind, operation, time.time()),
            ).fetchall()
            ran_out = _ran_out(db, operation) if kind == "charge" else []
        outcomes = [_outcome(*row) for row in found]
        again = [one for one in outcomes[1:] if one.kind is OutcomeKind.SUCCEEDED]
        besides = [Sighting(kind=kind, outcome=one, reference=operation) for one in again]
        besides += [
            Sighting(kind="void", outcome=one, reference=EXPIRED, charge_reference=operation)
            for one in ran_out
        ]
        return Found(outcomes[0], tuple(besides)) if outcomes else NotFound()

    def payment_method(self, charge_operation: str) -> str:
        """Return what a charge was paid with, or nothing if there is no such charge."""
        with self.writing() as db:
            row = db.execute(
                "SELECT payment_method FROM objects WHERE kind = 'charge' AND operation = ?",
                (charge_operation,),
            ).fetchone()
        return str(row[0]) if row else ""

    def holds_object(self, provider_id: str) -> bool:
        """Test whether there is an object with this id."""
        with self.writing() as db:
            sql = "SELECT 1 FROM objects WHERE provider_id = ?"
            return db.execute(sql, (provider_id,)).fetchone() is not None

    def is_hidden(self, provider_id: str) -> bool:
        """Test whether look-ups still miss this object."""
        with self.writing() as db:
            row = db.execute(
                "SELECT visible_at FROM objects WHERE provider_id = ?", (provider_id,)
            ).fetchone()
        return row is not None and row[0] > time.time()

    def first_time(self, operation: str, name: str) -> bool:
        """Test whether this fault has not yet happened to the operation, and note that it has."""
        with self.writing() as db:
            sql = "INSERT OR IGNORE INTO faults (operation, name) VALUES (?, ?)"
            return db.execute(sql, (operation, name)).rowcount == 1

    def settle_due(self) -> None:
        """Give every object whose time has come its final result."""
        with self.writing():
            pass

    def close(self) -> None:
        """Close this process's connection; the next use opens a new one."""
        self._file.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for the block, with everything whose time has come as it ended."""
        with self._file.writing() as db:
            _settle_due(db, time.time())
            yield db


@cache
def book_at(path: str) -> Book:
    """Return the one book of this process for the file."""
    return Book(path)


def _kept_answer(db: sqlite3.Connection, entry: Entry, oldest: float) -> Outcome | None:
    db.execute("DELETE FROM answers WHERE key = ? AND at < ?", (entry.key, oldest))
    row = db.execute(
        "SELECT answers.request, answers.status, answers.provider_id, objects.amount,"
        " objects.currency, answers.code, url FROM answers JOIN objects USING (provider_id)"
        " LEFT JOIN actions USING (provider_id) WHERE answers.key = ?",
        (entry.key,),
    ).fetchone()
    if row is None:
        return None
    if row[0] != _request(entry):
        message = f"key {entry.key} was used before for another request"
        raise UnexpectedAnswer(message)
    outcome = _outcome(*row[1:])
    return replace(outcome, stored_answer=outcome.kind is not OutcomeKind.SUCCEEDED)


def _keep_answer(db: sqlite3.Connection, entry: Entry, outcome: Outcome, now: float) -> None:
    db.execute(
        "INSERT INTO answers (key, request, provider_id, status, code, at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (entry.key, _request(entry), outcome.provider_id, outcome.kind, outcome.code, now),
    )


def _request(entry: Entry) -> str:
    return (
        f"{entry.kind} {entry.operation} {entry.charge_operation} {entry.amount} {entry.currency}"
    )


def _carry_out(db: sqlite3.Connection, entry: Entry, now: float) -> Written:
    script = entry.script
    if refusal := holding.refusal(db, entry):
        script = Script(status=OutcomeKind.DECLINED, code=refusal)
    due_at = None if script.due_seconds is None else now + script.due_seconds
    expires_at = None
    if entry.holds and script.held_seconds is not None:
        expires_at = now + script.held_seconds
    provider_id = f"{entry.kind[:2]}_{uuid4().hex}"
    db.execute(
        "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            provider_id,
            entry.kind,
            entry.operation,
            entry.charge_operation,
            entry.payment_method,
            entry.amount,
            entry.currency,
            script.status,
            script.code,
            now + script.hidden_seconds,
            due_at,
            script.due_status,
            script.due_code,
        ),
    )
    if entry.holds:
        db.execute("INSERT INTO holds VALUES (?, ?)", (provider_id, expires_at))
    if script.status is OutcomeKind.SUCCEEDED:
        _happen(db, provider_id, now)
    url = None
    if script.status is OutcomeKind.REQUIRES_ACTION:
        url = f"{entry.pages}/{provider_id}/"
        db.execute("INSERT INTO actions VALUES (?, ?, ?)", (provider_id, url, entry.return_url))
    outcome = _outcome(script.status, provider_id, entry.amount, entry.currency, script.code, url)
    return Written(outcome, due_at, expires_at)


def _settle_due(db: sqlite3.Connection, now: float) -> None:
    due = db.execute(
        "SELECT provider_id, due_status FROM objects WHERE due_at <= ?", (now,)
    ).fetchall()
    for provider_id, status in due:
        db.execute(
            "UPDATE objects SET status = due_status, code = due_code, due_at = NULL"
            " WHERE provider_id = ?",
            (provider_id,),
        )
        if status == OutcomeKind.SUCCEEDED:
            _happen(db, provider_id, now)
    holding.let_go_of_what_ran_out(db, now)


def _ran_out(db: sqlite3.Connection, charge_operation: str) -> list[Outcome]:
    rows = db.execute(
        "SELECT status, provider_id, amount, currency, code FROM objects"
        " WHERE kind = 'void' AND operation = ? AND charge_operation = ?",
        (EXPIRED, charge_operation),
    ).fetchall()
    return [_outcome(*row) for row in rows]


def _happen(db: sqlite3.Connection, provider_id: str, now: float) -> None:
    db.execute(
        "INSERT INTO effects (kind, operation, amount, currency, at)"
        " SELECT kind, operation, amount, currency, ? FROM objects"
        " WHERE provider_id = ? AND kind <> 'void'"
        " AND provider_id NOT IN (SELECT provider_id FROM holds)",
        (now, provider_id),
    )
    holding.stop_waiting(db, provider_id)


def _outcome(  # noqa: PLR0913, PLR0917 - a row of the books
    status: str, provider_id: str, amount: int, currency: str, code: str, url: str | None = None
) -> Outcome:
    kind = OutcomeKind(status)
    return Outcome(
        kind=kind,
        action_url=(url or "") if kind is OutcomeKind.REQUIRES_ACTION else "",
        provider_id=provider_id,
        amount=amount,
        currency=currency,
        code=code,
        message=code.replace("_", " "),
    )
