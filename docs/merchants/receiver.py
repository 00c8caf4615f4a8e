"""A receiver of webhooks, to begin from: `pip install standardwebhooks`, then run it.

    WEBHOOK_SECRET=whsec_… python receiver.py 8080
    API_URL=https://pay.example.com API_KEY=… python receiver.py catch-up

It verifies, stores each event once, and answers at once; what an event means is done afterwards,
by whoever reads the table `event` by number, or the view `latest`, which has of each object what
is newest. Put TLS in front of it, and have what is missing caught up with once a minute.
"""

import json
import os
import sqlite3
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

from standardwebhooks import Webhook, WebhookVerificationError

BODY_BYTES_MAX = 256 * 1024
SCHEMA = """
    CREATE TABLE IF NOT EXISTS event (
        id TEXT PRIMARY KEY,     -- webhook-id: the same on every try
        number INTEGER UNIQUE,   -- the order of events, without a gap; NULL for a test event
        object TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL
    );
    CREATE VIEW IF NOT EXISTS latest AS
        SELECT * FROM event e WHERE NOT EXISTS (
            SELECT 1 FROM event later WHERE later.object = e.object
            AND (later.version, later.number) > (e.version, e.number))
"""


def opened() -> sqlite3.Connection:
    """Return the store, made if there was none."""
    db = sqlite3.connect(os.environ.get("EVENTS_DB", "events.sqlite3"), timeout=10)
    db.executescript(SCHEMA)
    return db


def store(db: sqlite3.Connection, event: dict[str, Any], body: str) -> bool:
    """Store an event; False if it was here before."""
    with db:
        done = db.execute(
            "INSERT OR IGNORE INTO event (id, number, object, version, body)"
            " VALUES (?, ?, ?, ?, ?)",
            (event["id"], event["number"], event["object"]["id"], event["version"], body),
        )
    return done.rowcount == 1


def whole_until(db: sqlite3.Connection) -> int:
    """Return the number up to which nothing is missing; 0 if the first is."""
    found = db.execute(
        "SELECT min(number) FROM (SELECT 0 AS number UNION ALL SELECT number FROM event) AS known"
        " WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.number = known.number + 1)"
    )
    return int(found.fetchone()[0])


def catch_up(db: sqlite3.Connection) -> int:
    """Store what never came, in its order; return how many events that were."""
    count, after = 0, whole_until(db)
    while True:
        url = f"{os.environ['API_URL']}/api/events/?after={after}&limit=100"
        request = Request(url, headers={"X-API-KEY": os.environ["API_KEY"]})
        with urlopen(request, timeout=30) as answer:
            events = json.load(answer)["results"]
        if not events:
            return count
        for event in events:
            count += store(db, event, json.dumps(event))
        after = events[-1]["number"]


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
        with closing(opened()) as db:
            store(db, json.loads(body), body.decode())
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    if sys.argv[1] == "catch-up":
        with closing(opened()) as db:
            print(catch_up(db), "events had not come")
    else:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
