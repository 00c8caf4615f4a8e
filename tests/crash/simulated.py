"""The simulator of a stack: what it holds, set against what our books say."""

import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any

import requests

from tests.crash.books import BOOKED
from tests.crash.stack import CONTROL_TOKEN, Stack

# What either side says of an operation's money: kind, reference, amount, currency.
Movement = tuple[str, str, int, str]

_OURS = f"{BOOKED} AND o.gateway = 'simulator'"
# What the simulator owes us, by our books and by its own.
_OWED = """
    SELECT a.currency, sum(CASE WHEN a.id = t.debit_account_id THEN t.amount ELSE -t.amount END)
    FROM ledger_transfer t
    JOIN ledger_account a ON a.id IN (t.debit_account_id, t.credit_account_id)
    WHERE t.layer = 'posted' AND a.code = 'gateway_receivable' AND a.owner = 'simulator'
    GROUP BY a.currency
"""
_OWES = """
    SELECT currency, sum(CASE WHEN kind IN ('capture', 'dispute_won') THEN amount ELSE -amount END)
    FROM sim_effect GROUP BY currency
"""
_THEIRS = """
    SELECT replace(kind, 'capture', 'charge'), reference, amount, currency FROM sim_effect
    WHERE kind IN ('capture', 'refund')
"""
_KEYS = (
    "SELECT reference, key, count(DISTINCT body_sha256) FROM sim_call WHERE key <> '' GROUP BY 1, 2"
)


def ours(stack: Stack) -> Counter[Movement]:
    """Return what we booked for the gateway `simulator`."""
    return Counter(stack.rows(_OURS))


def theirs(stack: Stack) -> Counter[Movement]:
    """Return the money that moved, by the simulator's own count."""
    return Counter(ask(stack, _THEIRS))


def shown(stack: Stack) -> Counter[Movement]:
    """Return what the simulator tells anybody who asks, over HTTP."""
    moved: Counter[Movement] = Counter()
    for kind, good in (("charge", "captured"), ("refund", "succeeded")):
        after = "0"
        while after is not None:
            query = {"after": after, "limit": "100"}
            page = requests.get(f"{stack.simulator.url}/{kind}s", query, timeout=5).json()
            moved.update(
                (kind, one["reference"], one["amount"], one["currency"])
                for one in page["results"]
                if one["status"] == good
            )
            after = page["next"]
    return moved


def check(stack: Stack) -> None:
    """Compare the two books: each effect once, and each booked; one key for an operation."""
    moved = theirs(stack)
    assert not [one for one, times in moved.items() if times > 1], stack.logs()
    assert ours(stack) == moved == shown(stack)
    check_owed(stack)
    keys = ask(stack, _KEYS)
    assert len({reference for reference, _, _ in keys}) == len(keys), "an operation had two keys"
    assert {bodies for _, _, bodies in keys} <= {1}, "a key had two bodies"


def check_owed(stack: Stack) -> None:
    """Compare what the simulator owes us, money that moved too often included."""
    assert dict(stack.rows(_OWED)) == dict(ask(stack, _OWES))


def ask(stack: Stack, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    """Ask the simulator's file."""
    with closing(sqlite3.connect(stack.simulator_db, timeout=10)) as db:
        return db.execute(sql, params).fetchall()


def control(stack: Stack, command: str, **content: Any) -> dict[str, Any]:
    """Give the simulator a command."""
    answer = requests.post(
        f"{stack.simulator.url}/control/{command}",
        json=content,
        headers={"Authorization": f"Bearer {CONTROL_TOKEN}"},
        timeout=5,
    )
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found
