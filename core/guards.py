"""Asks whether the database still enforces what a room relies on: its triggers and its grants."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from core.grants import operator_role, serving_role
from core.invariants import Invariant

# Bits of pg_trigger.tgtype.
_ROW, _BEFORE, _EVENTS = 1, 2, {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
_TABLE_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@dataclass(frozen=True, slots=True)
class Guard:
    """A trigger that must be there: a BEFORE trigger, per row unless it is against TRUNCATE.

    Or one AFTER a statement, over all the rows that it wrote.
    """

    table: str
    name: str
    events: str
    function: str
    has_condition: bool = False
    after_statement: bool = False

    @property
    def bits(self) -> int:
        """Return the trigger's ``tgtype``."""
        events = self.events.split()
        if self.after_statement:
            return sum(_EVENTS[event] for event in events)
        return (_BEFORE + (_ROW if events != ["TRUNCATE"] else 0)) + sum(
            _EVENTS[event] for event in events
        )


def append_only(table: str, function: str) -> list[Guard]:
    """Return the two guards of a table that only grows."""
    return [
        Guard(table, f"{table}_append_only", "UPDATE DELETE", function),
        Guard(table, f"{table}_not_truncated", "TRUNCATE", function),
    ]


def triggers_in_force(room: str, guards: Iterable[Guard]) -> Invariant:
    """Return the invariant that all these triggers exist as written and fire ALWAYS."""
    expected = ", ".join(
        f"('{g.name}', '{g.table}', {g.bits}, '{g.function}()', {str(g.has_condition).lower()})"
        for g in guards
    )
    return Invariant(
        f"{room}-triggers-in-force",
        f"the triggers that guard the tables of {room} exist and fire ALWAYS",
        f"""
        SELECT expected.relation, expected.name, actual.tgenabled
        FROM (VALUES {expected}) AS expected (name, relation, bits, function, has_condition)
        LEFT JOIN pg_trigger actual
            ON actual.tgrelid = to_regclass(expected.relation) AND actual.tgname = expected.name
        WHERE actual.oid IS NULL OR actual.tgenabled <> 'A' OR actual.tgtype <> expected.bits
           OR actual.tgfoid <> to_regprocedure(expected.function)
           OR (actual.tgqual IS NOT NULL) <> expected.has_condition OR actual.tgattr <> ''
        """,  # noqa: S608 - our own constants
    )


def rights_as_listed(
    room: str, grants: Mapping[str, str], operator_grants: Mapping[str, str]
) -> Invariant:
    """Return the invariant that nobody but the owner may do more than a room's grants list.

    Others may read, but the two roles of ours only what is listed. Predefined roles such as
    ``pg_write_all_data`` hold every right, but nobody logs in as them; a role that was made a
    member of one, or of one of ours, is listed under its own name.
    """
    return Invariant(
        f"{room}-rights-as-listed",
        f"nobody but the owner may do more with the tables of {room} than their role is granted",
        _more_than_listed(grants, operator_grants),
    )


def _more_than_listed(grants: Mapping[str, str], operator_grants: Mapping[str, str]) -> str:
    """Return the query for the rights that a role holds and its list does not name."""
    lists = [(serving_role(), grants), (operator_role(), operator_grants)]
    tables = ", ".join(f"('{table}')" for table in {**grants, **operator_grants})
    allowed = ", ".join(
        f"({_literal(role)}, '{table}', '{what}', '{column}')"
        for role, listed in lists
        for table, what, column in _allowed(listed)
    )
    ours = ", ".join(_literal(role) for role, _ in lists)
    rights = ", ".join(f"('{right}')" for right in _TABLE_RIGHTS)
    return f"""
    WITH role AS (
        SELECT oid, rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper
    ), relation AS (
        SELECT c.oid, c.relname, c.relowner FROM (VALUES {tables}) AS listed (name)
        JOIN pg_class c ON c.oid = to_regclass(listed.name)
    ), allowed (rolname, relname, what, attname) AS (VALUES {allowed})
    SELECT role.rolname, c.relname, held.what, '' AS attname
    FROM role JOIN relation c ON c.relowner <> role.oid
    CROSS JOIN (VALUES {rights}) AS held (what)
    WHERE has_table_privilege(role.oid, c.oid, held.what)
      AND (held.what <> 'SELECT' OR role.rolname IN ({ours}))
      AND (role.rolname, c.relname, held.what, '') NOT IN (TABLE allowed)
    UNION ALL
    SELECT role.rolname, c.relname, held.what, a.attname
    FROM role JOIN relation c ON c.relowner <> role.oid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) AS held (what)
    WHERE has_column_privilege(role.oid, c.oid, a.attnum, held.what)
      AND (held.what <> 'SELECT' OR role.rolname IN ({ours}))
      AND NOT has_table_privilege(role.oid, c.oid, held.what)
      AND (role.rolname, c.relname, held.what, a.attname) NOT IN (TABLE allowed)
    """  # noqa: S608 - our own constants, and the names of our roles


def _literal(role: str) -> str:
    return "'" + role.replace("'", "''") + "'"


def _allowed(grants: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for table, rights in grants.items():
        for right, columns in re.findall(r"([A-Z]+)(?: \(([^)]*)\))?", rights):
            for column in columns.split(",") if columns else [""]:
                yield table, right, column.strip()
