"""Brings what others wrote into our database for as long as one transaction, to be asked in SQL."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from tests.outside import journal

_TYPES = {"INTEGER": "bigint", "REAL": "double precision", "TEXT": "text"}
_SIM_TABLES = (
    *("sim_charge", "sim_refund", "sim_dispute", "sim_effect", "sim_call", "sim_letter"),
    *("sim_plan", "sim_setting"),
)
_CJ_TABLES = {
    "cj_ask": {
        "request": "text",
        "at": "double precision",
        "merchant": "text",
        "path": "text",
        "key": "text",
        "body": "jsonb",
    },
    # Without a status there was no answer; a text that is no JSON has no content.
    "cj_answer": {
        "request": "text",
        "at": "double precision",
        "status": "int",
        "body": "text",
        "content": "jsonb",
        "replayed": "boolean",
    },
    "cj_fault": {
        "fault": "text",
        "begun": "double precision",
        "ended": "double precision",
        "excuses": "boolean",
    },
}

Row = Sequence[Any]


@dataclass(slots=True)
class Table:
    """A table of somebody else's."""

    name: str
    columns: Mapping[str, str]
    rows: list[Row] = field(default_factory=list)

    def make(self, cursor: Cursor) -> None:
        """Make it, until the transaction ends."""
        columns = ", ".join(f'"{name}" {kind}' for name, kind in self.columns.items())
        cursor.execute(f'CREATE TEMP TABLE "{self.name}" ({columns}) ON COMMIT DROP')
        execute_values(cursor, f'INSERT INTO "{self.name}" VALUES %s', self.rows, page_size=1000)


def of_simulator(path: Path) -> list[Table]:
    """Read the simulator's file: one state of it, and its time."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        db.execute("BEGIN")
        return [_copied(db, name) for name in _SIM_TABLES]


def _copied(db: sqlite3.Connection, name: str) -> Table:
    about = db.execute(f"PRAGMA table_info({name})").fetchall()
    columns = {column: _TYPES[kind] for _, column, kind, *_ in about}
    return Table(name, columns, db.execute(f"SELECT * FROM {name}").fetchall())


def of_journal(path: Path) -> list[Table]:
    """Read the merchants' journal."""
    tables = {name: Table(name, columns) for name, columns in _CJ_TABLES.items()}
    for line in journal.lines(path):
        table = tables[_TABLE_OF[line["what"]]]
        table.rows.append([_value(name, line) for name in table.columns])
    return [*tables.values()]


_TABLE_OF = {
    journal.ASK: "cj_ask",
    journal.ANSWER: "cj_answer",
    journal.SILENCE: "cj_answer",
    journal.FAULT: "cj_fault",
}


def _value(column: str, line: Mapping[str, Any]) -> Any:
    if column == "content":
        return _content(line.get("body", ""))
    value = line.get(column)
    return json.dumps(value) if isinstance(value, dict) else value


def _content(body: str) -> str | None:
    try:
        json.loads(body)
    except ValueError:
        return None
    return body


def make(cursor: Cursor, tables: Iterable[Table]) -> None:
    """Make all tables."""
    for table in tables:
        table.make(cursor)
