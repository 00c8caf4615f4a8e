"""Delivers webhooks until they are taken. What is not delivered waits in the file."""

import hashlib
import hmac
import http.client
import json
import os
import sqlite3
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from urllib.parse import urlsplit

from simulator import money, outages
from simulator.store import Store, now

HEADER = "Simulator-Signature"
CARRIERS = 4
POLL_SECONDS = 0.2
TIMEOUT_SECONDS = 5.0
# 1, 2, 4 … seconds, then every five minutes for three days.
WAIT_SECONDS_MAX = 300.0
GIVE_UP_SECONDS = 3 * 86_400.0
FORGED_SECRET = "a secret of somebody else"  # noqa: S105


def signed(secret: str, body: bytes, at: float) -> str:
    """Return the signature of a body that is sent at this time, by the machine's clock."""
    stamp = str(int(at))
    mac = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256)
    return f"t={stamp},v1={mac.hexdigest()}"


class Postman(threading.Thread):
    """Brings what is due to its end, and letters to their address, a few at a time."""

    def __init__(self, store: Store, url: str, secret: str) -> None:
        super().__init__(name="postman", daemon=True)
        self._store = store
        self._url = url
        self._secret = secret
        self._carried: set[int] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Take no more letters; those that are being carried arrive, or wait for the next life."""
        self._stopping.set()
        self._store.changed.set()
        self.join(2 * TIMEOUT_SECONDS)

    def run(self) -> None:
        """Work until somebody says stop."""
        try:
            with ThreadPoolExecutor(CARRIERS) as carriers:
                while not self._stopping.is_set():
                    self._store.changed.clear()
                    for row in self._due():
                        carriers.submit(self._carry, row)
                    self._store.changed.wait(POLL_SECONDS)
        except Exception:  # noqa: BLE001 - shown; a provider that tells nobody anything has to end
            traceback.print_exc()
            os._exit(1)

    def _due(self) -> list[sqlite3.Row]:
        """Bring everything up to date, and return the letters to carry now."""
        with self._lock:
            room = CARRIERS * 2 - len(self._carried)
            carried = json.dumps(sorted(self._carried))
        money.bring_up_to_date(self._store)
        if room <= 0 or not self._url:
            return []
        with self._store.reading() as db:
            at = now(db)
            if outages.silence(db, at):
                return []
            rows = db.execute(
                "SELECT * FROM sim_letter WHERE due_at <= ? AND delivered_at IS NULL"
                " AND given_up_at IS NULL AND seq NOT IN (SELECT value FROM json_each(?))"
                " ORDER BY due_at, seq LIMIT ?",
                (at, carried, room),
            ).fetchall()
        with self._lock:
            self._carried.update(row["seq"] for row in rows)
        return rows

    def _carry(self, letter: sqlite3.Row) -> None:
        try:
            status = self._posted(letter["body"].encode(), is_forged=bool(letter["forged"]))
            with self._store.writing() as db:
                _note(db, letter, status, now(db))
        except Exception:  # noqa: BLE001 - shown; the letter is still there, and is taken again
            traceback.print_exc()
        finally:
            with self._lock:
                self._carried.discard(letter["seq"])
            self._store.changed.set()

    def _posted(self, body: bytes, *, is_forged: bool) -> int:
        """Return what the address answered, 0 if it did not."""
        address = urlsplit(self._url)
        secret = FORGED_SECRET if is_forged else self._secret
        headers = {
            "Content-Type": "application/json",
            HEADER: signed(secret, body, time.time()),
        }
        connection = http.client.HTTPConnection(address.netloc, timeout=TIMEOUT_SECONDS)
        with closing(connection), suppress(OSError, http.client.HTTPException):
            connection.request("POST", address.path, body, headers)
            return connection.getresponse().status
        return 0


def _note(db: sqlite3.Connection, letter: sqlite3.Row, status: int, at: float) -> None:
    """Write down how a try ended, and when the next one is."""
    tries = letter["tries"] + 1
    is_taken = 200 <= status < 300  # noqa: PLR2004
    is_over = (letter["forged"] and status) or at - letter["written_at"] > GIVE_UP_SECONDS
    db.execute(
        "UPDATE sim_letter SET tries = ?, last_status = ?, delivered_at = ?, given_up_at = ?,"
        " due_at = ? WHERE seq = ?",
        (
            tries,
            status,
            at if is_taken else None,
            at if is_over and not is_taken else None,
            at + min(2.0 ** min(tries - 1, 10), WAIT_SECONDS_MAX),
            letter["seq"],
        ),
    )
