"""A receiver of webhooks, to begin from: `pip install standardwebhooks`, then run it.

    WEBHOOK_SECRET=whsec_… python receiver.py 8080

It verifies, stores each event once, and answers at once; what an event means is done afterwards,
by whoever reads the table. Put TLS in front of it.
"""

import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

BODY_BYTES_MAX = 256 * 1024
SCHEMA = """
    CREATE TABLE IF NOT EXISTS event (
        id TEXT PRIMARY KEY,     -- webhook-id: the same on every try
        number INTEGER UNIQUE,   -- the order of events, without a gap; NULL for a test event
        body TEXT NOT NULL
    )
"""


def store(db: sqlite3.Connection, event: dict[str, object], body: str) -> bool:
    """Store an event; False if it was here before."""
    with db:
        done = db.execute(
            "INSERT OR IGNORE INTO event (id, number, body) VALUES (?, ?, ?)",
            (event["id"], event["number"], body),
        )
    return done.rowcount == 1


def missing(db: sqlite3.Connection) -> int | None:
    """Return the number after which something is missing, to be asked for with `after=`."""
    found = db.execute(
        "SELECT number FROM (SELECT 0 AS number UNION ALL SELECT number FROM event) AS known"
        " WHERE number < (SELECT max(number) FROM event)"
        " AND NOT EXISTS (SELECT 1 FROM event e WHERE e.number = known.number + 1)"
        " ORDER BY number LIMIT 1"
    ).fetchone()
    return None if found is None else int(found[0])


class Receiver(BaseHTTPRequestHandler):
    """Answers 2xx once an event is stored, and only then."""

    def do_POST(self) -> None:
        """Take an event."""
        length = int(self.headers.get("Content-Length", "0"))
        if not 0 <= length <= BODY_BYTES_MAX:
            self._answer(413)
            return
        body = self.rfile.read(length)
        try:
            # Before anything is read from it: checks the signature, in constant time, and the age.
            Webhook(os.environ["WEBHOOK_SECRET"]).verify(body, dict(self.headers.items()))
        except (WebhookVerificationError, ValueError):
            self._answer(400)
            return
        db = sqlite3.connect(os.environ.get("EVENTS_DB", "events.sqlite3"), timeout=10)
        try:
            db.execute(SCHEMA)
            store(db, json.loads(body), body.decode())
        finally:
            db.close()
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
