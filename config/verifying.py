"""Asks the database whether everything that must hold does. Reads only, and locks nobody out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.apps import apps
from django.db import DatabaseError, connection
from django.utils.module_loading import module_has_submodule

from core.db import transaction
from core.invariants import Invariant
from core.own_invariants import INVARIANTS as OF_CORE
from core.redaction import clean

EXAMPLES_MAX = 5
# A schema change that waits for its lock must not find us at the head of its queue.
LOCK_TIMEOUT_MS = 1000

# Counted by the database, so that a million broken rows do not come here.
_COUNTED = f"""
    WITH broken AS ({{sql}})
    SELECT (SELECT count(*) FROM broken), broken.* FROM broken LIMIT {EXAMPLES_MAX}
"""  # noqa: S608 - the statements are constants
_SKIPPED = "skipped on SQLite"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one invariant; ``rows`` is None where it could not be asked."""

    invariant: Invariant
    rows: int | None
    examples: list[dict[str, str]] = field(default_factory=list)
    trouble: str = ""

    @property
    def word(self) -> str:
        """Return the word that a line begins with."""
        if self.trouble == _SKIPPED:
            return "skip"
        if self.rows is None:
            return "unasked"
        return "BROKEN" if self.rows else "ok"

    @property
    def is_bad(self) -> bool:
        """Tell whether somebody has to act; what could not be asked counts."""
        return self.word in {"BROKEN", "unasked"}


def invariants(*, quiescent: bool) -> list[Invariant]:
    """Return the invariants of every room; ``quiescent`` adds those that hold only at rest."""
    found = [*OF_CORE, *_of_rooms()]
    return [invariant for invariant in found if quiescent or not invariant.quiescent]


def _of_rooms() -> Iterator[Invariant]:
    for config in apps.get_app_configs():
        has_own = config.module is not None and module_has_submodule(config.module, "invariants")
        if has_own and config.name != "core":
            yield from import_module(f"{config.name}.invariants").INVARIANTS


def ask(invariant: Invariant, timeout: timedelta) -> Finding:
    """Ask for the rows that break an invariant, in one statement over one snapshot."""
    try:
        with transaction(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                milliseconds = int(timeout.total_seconds() * 1000)
                cursor.execute(f"SET LOCAL statement_timeout = {milliseconds}")
            return _read(cursor, invariant)
    except DatabaseError as error:
        # SQLite says itself which statements it has no words for; a busy file has another name.
        if getattr(error.__cause__, "sqlite_errorname", "") == "SQLITE_ERROR":
            return Finding(invariant, None, trouble=_SKIPPED)
        return Finding(invariant, None, trouble=clean(str(error).partition("\n")[0]))


def _read(cursor: Any, invariant: Invariant) -> Finding:
    cursor.execute(_COUNTED.format(sql=invariant.sql))
    found = cursor.fetchall()
    names = [column[0] for column in cursor.description][1:]
    examples = [_masked(dict(zip(names, row[1:], strict=True))) for row in found]
    return Finding(invariant, found[0][0] if found else 0, examples)


def _masked(row: dict[str, Any]) -> dict[str, str]:
    return {name: clean(str(value)) for name, value in row.items()}
