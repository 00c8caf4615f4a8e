"""Files instead of a server."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from core import db, meanings
from tests.crash.stack import SHORT_LEASES
from tests.servers import ROOT
from tests.sqlite.files import Files, OnSqlite


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def connection(files: Files) -> Iterator[sqlite3.Connection]:
    """Connect to a migrated file, as anybody may who can read it."""
    with closing(sqlite3.connect(files.fresh())) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


@pytest.fixture
def in_the_orms_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have PostgreSQL carry out what statements mean, instead of the statements."""
    meanings.learn()
    # The clock is its own, and stands still in a transaction.
    monkeypatch.delitem(meanings._meanings, db.NOW)
    monkeypatch.setattr(db, "on_sqlite", lambda: True)
    monkeypatch.setattr("payments.creation.on_sqlite", lambda: True)
    monkeypatch.setattr("core.newest.on_sqlite", lambda: True)
    monkeypatch.setattr("ledger.books.on_sqlite", lambda: True)


@pytest.fixture
def begin(
    files: Files, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., OnSqlite]]:
    """Give a function that starts a stack on a file, by the names of its processes."""
    monkeypatch.chdir(ROOT)
    stacks: list[OnSqlite] = []

    def make(*names: str) -> OnSqlite:
        stack = OnSqlite(tmp_path, files, **SHORT_LEASES)
        stacks.append(stack)
        done = stack.manage("seed_demo")
        assert done.returncode == 0, done.stderr
        stack.start("broker")
        stack.start(*names)
        return stack

    yield make
    for stack in stacks:
        stack.close()
