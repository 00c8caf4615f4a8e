"""The same rows as one create writes, as scripts of pgbench.

The statements are made from the rows of a payment that was really created: their columns, their
values, their size. Only ids and keys are new each time, ordered where ours are and else random.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tests.bench.ground import TABLES, BenchStack
from tests.bench.results import BenchProblem

# In the order in which a row may refer to another. The ledger's two go in one statement of the six.
STATEMENTS = (
    ("core_idempotencyrecord",),
    ("payments_payment",),
    ("payments_operation",),
    ("payments_event",),
    ("outbox_message",),
    ("ledger_transaction", "ledger_transfer"),
)
_WRITTEN = [table for tables in STATEMENTS for table in tables]

# What the database fills in by itself is left to it.
_COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod)
    FROM pg_attribute a
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
      AND NOT a.atthasdef AND a.attname <> 'xid'
    ORDER BY a.attnum
"""
_PRIMARY_KEY = """
    SELECT a.attname FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = %s::regclass AND i.indisprimary
"""
_UUID_7 = 7
# PostgreSQL 18 has it; before that, a stand-in of the same order and size.
_UUIDV7 = """
    CREATE FUNCTION uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
        SELECT overlay(gen_random_uuid()::text PLACING
            substr(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
                   || '7', 1, 8) || '-' ||
            substr(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0'), 9)
            || '-7' FROM 1 FOR 15)::uuid
    $$
"""
VERSION_18 = 180_000


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a create."""

    table: str
    key: str
    columns: list[Column]

    @property
    def id(self) -> str:
        return next(column.value or "" for column in self.columns if column.name == self.key)


def written_by(stack: BenchStack, payment_id: str) -> list[Row]:
    """Return the rows of the transaction that created this payment.

    :raises BenchProblem: if they are in other tables than these scripts know
    """
    xid = stack.value("SELECT xmin::text FROM payments_payment WHERE id = %s", payment_id)
    found = [row for (table,) in stack.rows(TABLES) for row in _rows_of(stack, table, xid)]
    tables = sorted(row.table for row in found)
    if tables != sorted(_WRITTEN):
        message = f"a create writes {tables}, and tests/bench/rows.py writes {sorted(_WRITTEN)}"
        raise BenchProblem(message)
    return sorted(found, key=lambda row: _WRITTEN.index(row.table))


def _rows_of(stack: BenchStack, table: str, xid: str) -> list[Row]:
    columns = stack.rows(_COLUMNS, table)
    wanted = ", ".join(f'"{name}"::text' for name, _ in columns) or "NULL"
    found = stack.rows(f'SELECT {wanted} FROM "{table}" WHERE xmin = %s::xid', xid)
    if not found:
        return []
    key = stack.value(_PRIMARY_KEY, table)
    return [
        Row(
            table,
            key,
            [
                Column(name, type_, value)
                for (name, type_), value in zip(columns, values, strict=True)
            ],
        )
        for values in found
    ]


class Scripts:
    """Writes the rows of a create as SQL for pgbench."""

    def __init__(self, rows: Sequence[Row], key: str) -> None:
        self._rows = {row.table: row for row in rows}
        self._names = {row.id: f"id_{row.table}" for row in rows}
        self._key = key

    def one_statement(self) -> str:
        """Return one statement that writes all rows."""
        names = {id_: f"ids.{name}" for id_, name in self._names.items()}
        inserts = [
            f"{row.table}_row AS ({self._insert(row, names)} FROM ids)"
            for row in self._rows.values()
        ]
        return f"WITH {self._ids(self._names)},\n{', '.join(inserts)}\nSELECT 1;\n"

    def six_statements(self) -> str:
        """Return a transaction of six statements that writes all rows."""
        known: dict[str, str] = {}
        groups = [[self._rows[table] for table in tables] for tables in STATEMENTS]
        statements = [self._statement(group, known) for group in groups]
        return "\n".join(["BEGIN;", *statements, "END;\n"])

    def _statement(self, rows: Sequence[Row], known: dict[str, str]) -> str:
        """Insert these rows; what later ones refer to becomes a variable of pgbench."""
        values = {column.value or "" for row in rows for column in row.columns}
        new = {id_: name for id_, name in self._names.items() if self._is_new(id_, values, known)}
        names = known | {id_: f"ids.{name}" for id_, name in new.items()}
        source = " FROM ids" if new else ""
        *firsts, last = rows
        ctes = [self._ids(new)] if new else []
        ctes += [f"{row.table}_row AS ({self._insert(row, names)}{source})" for row in firsts]
        begin = f"WITH {', '.join(ctes)}\n" if ctes else ""
        kept = {column.value: column.name for column in last.columns if column.value in new}
        known |= {id_: f":{new[id_]}::uuid" for id_ in kept if id_}
        returned = ", ".join(f'"{name}" AS {new[id_]}' for id_, name in kept.items() if id_)
        end = f" RETURNING {returned} \\gset" if kept else ";"
        return f"{begin}{self._insert(last, names)}{source}{end}"

    def _is_new(self, id_: str, values: set[str], known: Mapping[str, str]) -> bool:
        return id_ not in known and any(id_ in value for value in values)

    def _ids(self, names: Mapping[str, str]) -> str:
        made = (f"{_maker(id_)} AS {name}" for id_, name in names.items())
        return f"ids AS MATERIALIZED (SELECT {', '.join(made)})"

    def _insert(self, row: Row, names: Mapping[str, str]) -> str:
        columns = ", ".join(f'"{column.name}"' for column in row.columns)
        values = ", ".join(self._value(column, names) for column in row.columns)
        return f'INSERT INTO "{row.table}" ({columns}) SELECT {values}'

    def _value(self, column: Column, names: Mapping[str, str]) -> str:
        value = column.value
        if value is None:
            return f"NULL::{column.type}"
        if column.type.startswith("timestamp"):
            return "now()"
        if value == self._key:
            return "gen_random_uuid()::text"
        if value == f"order-{self._key}":
            return "'order-' || gen_random_uuid()::text"
        if value in names:
            return names[value]
        parts = re.split("(" + "|".join(self._names) + ")", value)
        texts = (f"{names[part]}::text" if part in names else _literal(part) for part in parts)
        return f"({' || '.join(texts)})::{column.type}"


def _maker(id_: str) -> str:
    return "uuidv7()" if UUID(id_).version == _UUID_7 else "gen_random_uuid()"


def _literal(text: str) -> str:
    # A colon would begin a variable of pgbench, in a string, too.
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a")
    return f"E'{escaped}'"


def provide_uuidv7(stack: BenchStack) -> None:
    """Have the database make ordered ids, where it does not by itself."""
    if int(stack.value("SHOW server_version_num")) < VERSION_18:
        stack.rows(_UUIDV7)
