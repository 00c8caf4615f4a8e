"""Everything the provider remembers: one SQLite file, on disk at every commit."""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_SECONDS = 10.0
# Another number is another form of the tables; nobody needs old ones so much that they are changed.
VERSION = 2


class Unusable(Exception):
    """A file that is not ours to use."""


_SCHEMA = """
CREATE TABLE IF NOT EXISTS sim_charge (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    reference TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    payment_method TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'requires_action', 'authorized', 'captured', 'failed',
                          'voided', 'expired')),
    capture_method TEXT NOT NULL CHECK (capture_method IN ('automatic', 'manual')),
    authorized_at REAL,
    expires_at REAL,  -- until when it is held, if it is
    capture_reference TEXT NOT NULL DEFAULT '',  -- by whom it was captured
    void_reference TEXT NOT NULL DEFAULT ''
        CHECK ((void_reference <> '') = (status IN ('voided', 'expired'))),
    captured INTEGER NOT NULL DEFAULT 0
        CHECK ((captured > 0) = (status = 'captured') AND captured <= amount),
    code TEXT NOT NULL DEFAULT '',
    return_url TEXT NOT NULL DEFAULT '',
    action_url TEXT NOT NULL DEFAULT '',  -- where the payer acts, if this charge wanted that
    acted_at REAL,
    created_at REAL NOT NULL,
    found_from REAL NOT NULL,  -- look-ups by reference miss it before
    listed_from REAL NOT NULL,  -- lists miss it before
    shown_from REAL NOT NULL,  -- reads call it pending before
    due_at REAL,
    due_status TEXT,
    due_code TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS sim_charge_reference ON sim_charge (reference);
CREATE INDEX IF NOT EXISTS sim_charge_created ON sim_charge (created_at, seq);
CREATE INDEX IF NOT EXISTS sim_charge_due ON sim_charge (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS sim_charge_expires ON sim_charge (expires_at)
    WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS sim_refund (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    charge TEXT NOT NULL REFERENCES sim_charge (id),
    reference TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    code TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    found_from REAL NOT NULL,
    listed_from REAL NOT NULL,
    shown_from REAL NOT NULL,
    due_at REAL,
    due_status TEXT,
    due_code TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS sim_refund_reference ON sim_refund (reference);
CREATE INDEX IF NOT EXISTS sim_refund_created ON sim_refund (created_at, seq);
CREATE INDEX IF NOT EXISTS sim_refund_charge ON sim_refund (charge);
CREATE INDEX IF NOT EXISTS sim_refund_due ON sim_refund (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS sim_dispute (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    charge TEXT NOT NULL REFERENCES sim_charge (id),
    reference TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    fee INTEGER CHECK (fee > 0),
    -- One that is planned is there for nobody yet.
    status TEXT NOT NULL CHECK (status IN ('planned', 'open', 'won', 'lost')),
    created_at REAL NOT NULL,
    decided_at REAL,
    due_at REAL,
    due_status TEXT,
    later_status TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS sim_dispute_reference ON sim_dispute (reference);
CREATE INDEX IF NOT EXISTS sim_dispute_created ON sim_dispute (created_at, seq);
CREATE INDEX IF NOT EXISTS sim_dispute_charge ON sim_dispute (charge);
CREATE INDEX IF NOT EXISTS sim_dispute_due ON sim_dispute (due_at) WHERE due_at IS NOT NULL;
-- Money that moved. Nothing else counts.
CREATE TABLE IF NOT EXISTS sim_effect (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    -- A dispute takes money back, under its own id; one that is won gives it back.
    kind TEXT NOT NULL CHECK (kind IN ('capture', 'refund', 'dispute', 'dispute_won')),
    object TEXT NOT NULL,
    reference TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS sim_effect_reference ON sim_effect (reference);
-- Everything that was asked of us, and what became of it.
CREATE TABLE IF NOT EXISTS sim_call (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    key TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    faults TEXT NOT NULL,
    met TEXT NOT NULL,  -- the fault that this call met
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,
    object TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS sim_call_reference ON sim_call (reference);
CREATE TABLE IF NOT EXISTS sim_key (
    key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    object TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;
-- The faults of an operation, drawn when it is first heard of, and the calls it has had: those that
-- may act, and those that look.
CREATE TABLE IF NOT EXISTS sim_plan (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    faults TEXT NOT NULL,
    calls INTEGER NOT NULL DEFAULT 0,
    looks INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, reference)
) STRICT;
CREATE TABLE IF NOT EXISTS sim_letter (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    forged INTEGER NOT NULL DEFAULT 0,
    written_at REAL NOT NULL,
    due_at REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    delivered_at REAL,
    given_up_at REAL,
    last_status INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS sim_letter_due ON sim_letter (due_at)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE TABLE IF NOT EXISTS sim_setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
"""


class Store:
    """The file, by one connection that one thread uses at a time.

    :raises Unusable: if another simulator uses the file, or an older one made it
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._turn = _only_user(path)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        # An effect that was answered for may not be gone after a power cut.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        _check_version(self._db, path)
        self._db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {VERSION};COMMIT;")
        # What has to happen soon may have changed.
        self.changed = threading.Event()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Commit what the block writes, or nothing of it."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        self.changed.set()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Let the block read one state of the file."""
        with self._lock:
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; nobody may use the store any more."""
        with self._lock:
            self._db.close()
            os.close(self._turn)


def _only_user(path: Path) -> int:
    """Hold the file as long as we live: two would deliver every webhook twice."""
    handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        message = f"another simulator uses {path}"
        raise Unusable(message) from None
    return handle


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and version != VERSION:
        message = f"{path} was made by another version of the simulator; delete it to begin anew"
        raise Unusable(message)


def setting(db: sqlite3.Connection, name: str, default: str = "") -> str:
    """Return what somebody set while we ran, or in an earlier life."""
    row = db.execute("SELECT value FROM sim_setting WHERE name = ?", (name,)).fetchone()
    return str(row["value"]) if row else default


def set_setting(db: sqlite3.Connection, name: str, value: object) -> None:
    """Keep a value under a name."""
    db.execute(
        "INSERT INTO sim_setting (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, str(value)),
    )


def now(db: sqlite3.Connection) -> float:
    """Return the provider's time in Unix seconds: the machine's, and what somebody added to it."""
    return time.time() + float(setting(db, "clock_offset_seconds", "0"))
