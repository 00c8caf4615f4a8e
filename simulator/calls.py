"""The record of everything that was asked of us."""

import sqlite3

from simulator.answers import Answer


def record(  # noqa: PLR0913 - one line of the record, by name
    db: sqlite3.Connection,
    answer: Answer,
    at: float,
    *,
    kind: str,
    reference: str,
    key: str = "",
    body_sha256: str = "",
    faults: str = "",
) -> None:
    """Write a call down with its answer, in the transaction of what it did."""
    db.execute(
        "INSERT INTO sim_call"
        " (at, kind, reference, key, body_sha256, faults, met, status, answer, object)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (at, kind, reference, key, body_sha256, faults, answer.met, answer.status,
         # A list is what the books say anyway.
         "" if kind == "list" else answer.text, answer.object_id),
    )  # fmt: skip
