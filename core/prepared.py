"""Statements that the server parses and plans once for each connection.

A long statement costs more to plan than to run. ``PREPARE`` makes that a cost of the connection;
`plan_cache_mode` of the serving role (``config/stack/roles.py``) keeps the server from planning
anew for each set of values. Behind a pooler that gives every transaction another server
connection a prepared statement may be missing, or be there already: the connection then goes on
with the plain statement.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from django.db import DatabaseError, connection
from django.db.backends.utils import CursorWrapper

from core.logging import get_logger

log = get_logger(__name__)

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
# invalid_sql_statement_name and duplicate_prepared_statement: nothing was executed.
_POOLED = {"26000", "42P05"}

# By the driver's connections, so that a new one begins with nothing.
_prepared: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
_pooled: WeakSet[Any] = WeakSet()


class Prepared:
    """One statement with ``%(name)s`` placeholders, whose types the server works out."""

    def __init__(self, name: str, sql: str) -> None:
        places: dict[str, int] = {}
        for parameter in _PLACEHOLDER.findall(sql):
            places.setdefault(parameter, len(places) + 1)
        numbered = _PLACEHOLDER.sub(lambda found: f"${places[found[1]]}", sql)
        # A pooled connection may hold the statement of an older release.
        self.name = f"{name}_{sha256(sql.encode()).hexdigest()[:12]}"
        self.plain = sql
        self._prepare = f"PREPARE {self.name} AS {numbered.replace('%%', '%')}"
        self._execute = f"EXECUTE {self.name} ({', '.join(f'%({one})s' for one in places)})"

    def row(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Run the statement, which returns exactly one row, and return that by column name."""
        with connection.cursor() as cursor:
            self._run(cursor, params)
            (found,) = cursor.fetchall()
            names = [column.name for column in cursor.description]
            return dict(zip(names, found, strict=True))

    def _run(self, cursor: CursorWrapper, params: Mapping[str, Any]) -> None:
        driver = connection.connection
        if driver not in _pooled:
            try:
                if self.name not in _prepared.setdefault(driver, set()):
                    cursor.execute(self._prepare)
                    _prepared[driver].add(self.name)
                cursor.execute(self._execute, params)
            except DatabaseError as error:
                if not _is_pooled(error):
                    raise
                _pooled.add(driver)
                log.info("prepared.pooled", statement=self.name)
            else:
                return
        cursor.execute(self.plain, params)


def _is_pooled(error: DatabaseError) -> bool:
    """Tell whether the connection is not ours alone; inside a transaction nothing could go on."""
    code = getattr(error.__cause__, "pgcode", None)
    return code in _POOLED and not connection.in_atomic_block
