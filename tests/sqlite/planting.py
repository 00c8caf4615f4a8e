"""Rows of the tables whose writes are refused, planted in plain SQL."""

import sqlite3
from typing import Any
from uuid import uuid4

PAYMENT, OTHER = uuid4().hex, uuid4().hex
# By the type of a column that has to have a value.
ANYTHING = {"char(32)": PAYMENT, "text": "", "bool": 0, "datetime": "2026-01-01 00:00:00"}
ROWS: dict[str, dict[str, Any]] = {
    "core_auditentry": {
        "actor": "a",
        "action": "a",
        "subject_id": "s",
        "reason": "r",
        "before": "{}",
        "after": "{}",
    },
    "core_apikey": {"mode": "test", "scopes": "[]"},
    "core_merchant": {"status": "closed"},
    "core_idempotencyrecord": {"mode": "test", "status": 201},
    "ledger_account": {"code": "merchant_payable", "owner": "o", "currency": "INR", "mode": "test"},
    "ledger_transaction": {"kind": "k", "mode": "test"},
    "ledger_transfer": {
        "layer": "posted",
        "currency": "INR",
        "mode": "test",
        "amount": 1,
        "credit_account_id": OTHER,
    },
    "outbox_lapse": {"epoch": 1},
    "outbox_message": {"state": 0, "epoch": 1, "max_attempts": 1},
    "payments_attempt": {"kind": "send", "epoch": 1},
    "payments_dispute": {
        "mode": "test",
        "status": "OPEN",
        "provider_id": "dp_1",
        "amount": 1,
        "currency": "INR",
        "version": 1,
    },
    "payments_disputefact": {"said": "opened", "amount": 1, "currency": "INR"},
    "payments_event": {"mode": "test", "version": 1, "payload": "{}"},
    "payments_eventnumber": {"mode": "test", "number": 1},
    "payments_notice": {},
    "payments_operation": {"kind": "charge", "amount": 1, "currency": "INR", "state": "open"},
    "payments_payment": {
        "mode": "test",
        "status": "CREATED",
        "amount": 1,
        "currency": "INR",
        "version": 1,
        "metadata": "{}",
    },
    "payments_refund": {
        "mode": "test",
        "status": "PENDING",
        "amount": 1,
        "currency": "INR",
        "version": 1,
    },
    "payments_seen": {},
    "payments_statuschange": {"version": 1},
    "webhooks_providerevent": {},
    "webhooks_body": {"mode": "test"},
    "webhooks_endpoint": {
        "mode": "test",
        "place": 1,
        "events": "[]",
        "status": "enabled",
        "version": 1,
        "disabled_by": "",
    },
    "webhooks_endpointsecret": {"sealed": b""},
    "webhooks_delivery": {"status": "pending", "reason": ""},
    "webhooks_deliveryattempt": {"epoch": 1, "result": ""},
}
# What a row belongs to.
NEEDS = {
    "webhooks_delivery": ["webhooks_endpoint", "webhooks_body"],
}
CAPTURED = "status = 'SUCCESS', amount_captured = 1"


def plant(connection: sqlite3.Connection, table: str, **columns: Any) -> None:
    """Plant a row with something in every column that has to have a value."""
    described = connection.execute(f"PRAGMA table_info({table})").fetchall()
    needed = {name: kind.lower() for _, name, kind, required, default, _ in described
              if required and default is None}  # fmt: skip
    row = {name: ANYTHING.get(kind, "" if "char" in kind else 0) for name, kind in needed.items()}
    row |= ROWS[table] | columns
    connection.execute("PRAGMA foreign_keys = OFF")
    names, places = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(row.values()))


def plant_parents(connection: sqlite3.Connection, table: str) -> None:
    """Plant what a row of this table has to fit."""
    if table in {"payments_refund", "payments_dispute", "payments_disputefact"}:
        plant(connection, "payments_payment")
    if table in {"payments_dispute", "payments_disputefact"}:
        for version, columns in ((2, "status = 'PROCESSING'"), (3, CAPTURED)):
            connection.execute(f"UPDATE payments_payment SET version = {version}, {columns}")
    if table == "payments_disputefact":
        plant(connection, "payments_dispute")
    for other in NEEDS.get(table, ()):
        plant(connection, other)
