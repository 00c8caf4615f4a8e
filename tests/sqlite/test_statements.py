"""Every statement written by hand is one that SQLite knows, or one whose meaning is known."""

import re
import sqlite3
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import pytest

from core import meanings

ROOMS = ("core", "ledger", "outbox", "payments", "webhooks", "dispatcher")
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
PLACE = re.compile(r"%\(\w+\)s|%s")
# They look at the database first, and ask nothing of SQLite: it has no rights and no roll-up.
ELSEWHERE = {"core.grants", "ledger.rollup", "ledger.sampling"}
# Pieces of other statements, and a statement whose meaning is chosen where it is used.
PIECES = {
    *(("ledger.sql", name) for name in ("ASKED", "INSERT_ACCOUNTS", "INSERT_TRANSACTIONS")),
    *(("ledger.sql", name) for name in ("INSERT_TRANSFERS", "INSERT_MIRRORS", "POST")),
    *((module, "INSERT_MESSAGE") for module in ("outbox.staging", "payments.creation")),
    ("payments.sampling", "_UNKNOWN"),
    *((module, "MARK") for module in ("payments.numbering", "payments.sampling")),
    *(("payments.creation", name) for name in ("_CREATE", "_CREATE_ANY", "_CREATE_SIMPLE")),
}
SKIPPED = re.compile(r"migrations|management|invariants")


def statements() -> Iterator[tuple[str, str, str]]:
    """Yield module, name and text of each statement that has a name."""
    for room in ROOMS:
        for found in walk_packages(import_module(room).__path__, f"{room}."):
            if SKIPPED.search(found.name) or found.name in ELSEWHERE:
                continue
            for name, value in vars(import_module(found.name)).items():
                is_whole = isinstance(value, str) and (found.name, name) not in PIECES
                if is_whole and STATEMENT.match(value):
                    yield found.name, name, value


STATEMENTS = [*statements()]


@pytest.mark.parametrize(
    "sql", [sql for *_, sql in STATEMENTS], ids=[f"{m}.{name}" for m, name, _ in STATEMENTS]
)
def test_a_statement_is_known(connection: sqlite3.Connection, sql: str):
    meanings.learn()

    if meanings.meaning_of(sql) is None:
        connection.execute("EXPLAIN " + PLACE.sub("NULL", sql).replace("{column}", "action"))


def test_the_statements_were_found():
    assert {("outbox.leasing", "_CLAIM"), ("core.auth", "_FIND_KEY")} <= {
        (module, name) for module, name, _ in STATEMENTS
    }
