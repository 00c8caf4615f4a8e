"""Statements that the server parses and plans once for each connection.

A long statement costs more to plan than to run. ``PREPARE`` makes that a cost of the connection;
`plan_cache_mode` of the serving role (``config/stack/roles.py``) keeps the server from planning
anew for each set of values. Behind a pooler that gives every transaction another server
connection a prepared statement may be missing, or be there already: from then on the plain
statements are used.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Self
from uuid import UUID
from weakref import WeakKeyDictionary, WeakSet

from django.db import DatabaseError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from core.logging import get_logger

log = get_logger(__name__)

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
# invalid_sql_statement_name and duplicate_prepared_statement: nothing was executed.
_POOLED = {"26000", "42P05"}

# By the driver's connections, so that a new one begins with nothing.
_prepared: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
# By Django's, for the next one leads to the same pooler.
_pooled: WeakSet[BaseDatabaseWrapper] = WeakSet()


class Prepared(str):
    """One statement with ``%(name)s`` placeholders, whose types the server works out.

    It is its own plain text. ``core.db.rows`` runs it prepared.
    """

    __slots__ = ("_execute", "_names", "_prepare", "name")
    name: str
    _names: tuple[str, ...]
    _prepare: str
    _execute: str

    def __new__(cls, name: str, sql: str) -> Self:
        """Name a statement."""
        self = super().__new__(cls, sql)
        places: dict[str, int] = {}
        for parameter in _PLACEHOLDER.findall(sql):
            places.setdefault(parameter, len(places) + 1)
        numbered = _PLACEHOLDER.sub(lambda found: f"${places[found[1]]}", sql)
        # A pooled connection may hold the statement of an older release.
        self.name = f"{name}_{sha256(sql.encode()).hexdigest()[:12]}"
        self._prepare = f"PREPARE {self.name} AS {numbered.replace('%%', '%')}"
        self._names = tuple(places)
        # By place, because the driver looks names up one by one.
        values = ", ".join(["%s"] * len(places))
        self._execute = f"EXECUTE {self.name} ({values})" if places else f"EXECUTE {self.name}"
        return self

    def run(
        self, connection: BaseDatabaseWrapper, params: Mapping[str, Any] | None
    ) -> tuple[list[tuple[Any, ...]], Sequence[Any]]:
        """Run the statement; return its rows, and the description of its columns."""
        with connection.cursor() as cursor:
            self._send(connection, cursor, params)
            return cursor.fetchall() if cursor.description else [], cursor.description

    def _values(self, params: Mapping[str, Any] | None) -> list[Any] | None:
        """Name ids by their text: the server knows types, and the driver is slow with objects."""
        if not params:
            return None
        found = [params[name] for name in self._names]
        return [str(one) if type(one) is UUID else one for one in found]

    def _send(self, connection: BaseDatabaseWrapper, cursor: CursorWrapper, params: Any) -> None:
        driver = connection.connection
        if connection not in _pooled:
            try:
                if self.name not in _prepared.setdefault(driver, set()):
                    cursor.execute(self._prepare)
                    _prepared[driver].add(self.name)
                cursor.execute(self._execute, self._values(params))
            except DatabaseError as error:
                if getattr(error.__cause__, "pgcode", None) not in _POOLED:
                    raise
                # The connection is not ours alone.
                _pooled.add(connection)
                log.info("prepared.pooled", statement=self.name)
                if connection.in_atomic_block:
                    # Of this transaction nothing is left, and another one will do.
                    raise OperationalError(str(error)) from error.__cause__
            else:
                return
        cursor.execute(str(self), params)
