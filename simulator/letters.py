"""Webhooks as they are written: in the transaction of what they tell, so that none is forgotten."""

import json
import sqlite3
from typing import Any
from uuid import uuid4

from simulator import objects
from simulator.faults import WEBHOOK_LATE_SECONDS, Webhook

REORDERED_SECONDS = 1.0
GOOD = {"charge": "captured", "refund": "succeeded"}


def announce(
    db: sqlite3.Connection, kind: str, row: sqlite3.Row, modes: frozenset[Webhook], now: float
) -> None:
    """Write what a change of a charge or refund makes us send."""
    content = objects.shown(db, kind, row)
    if "none" not in modes:
        due_at = now + WEBHOOK_LATE_SECONDS if "late" in modes else now
        body = event(content, row["status"], now)
        for _ in range(2 if "twice" in modes else 1):
            write(db, body, now, due_at)
    if "reordered" in modes:
        earlier = event(objects.with_status(content, "pending"), "pending", now)
        write(db, earlier, now, now + REORDERED_SECONDS)
    if "contradictory" in modes and row["status"] == GOOD[kind]:
        denial = event(objects.with_status(content, "failed"), "failed", now)
        write(db, denial, now, now)
    if "forged" in modes:
        claim = event(objects.with_status(content, GOOD[kind]), GOOD[kind], now)
        write(db, claim, now, now, forged=True)


def announce_dispute(
    db: sqlite3.Connection, body: str, modes: frozenset[Webhook], now: float
) -> None:
    """Write what a change of a dispute makes us send; its charge says how well that goes."""
    if "none" in modes:
        return
    due_at = now + WEBHOOK_LATE_SECONDS if "late" in modes else now
    for _ in range(2 if "twice" in modes else 1):
        write(db, body, now, due_at)


def event(content: dict[str, Any], status: str, now: float) -> str:
    """Return the body of a new event about an object."""
    return json.dumps(
        {
            "id": f"evt_{uuid4().hex}",
            "type": f"{content['object']}.{status}",
            "account": content["account"],
            "created_at": objects.iso(now),
            "data": content,
        }
    )


def write(
    db: sqlite3.Connection, body: str, now: float, due_at: float, *, forged: bool = False
) -> None:
    """Keep a letter until it is delivered. A forged one gets a stranger's signature."""
    db.execute(
        "INSERT INTO sim_letter (event, body, forged, written_at, due_at) VALUES (?, ?, ?, ?, ?)",
        (json.loads(body)["id"], body, forged, now, due_at),
    )
