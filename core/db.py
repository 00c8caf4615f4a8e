"""The words we use about transactions. Nothing else in the code says ``atomic``, or chooses a role.

- ``with transaction():``      an edge decides what commits together
- ``with savepoint():``        one item of a group may fail without its neighbours
- ``@needs_transaction``       an operation leaves that decision to its caller
- ``@outside_transaction``     a foreign call, which no rollback can take back
- ``after_commit(then)``       what only matters once the transaction is really there
- ``with acting_as(alias):``   all of it by another role's connection (ADR 0011)
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.db.transaction import Atomic, atomic, on_commit
from psycopg2.extras import execute_values

from core.meanings import carry_out, meaning_of, on_sqlite
from core.prepared import Prepared

P = ParamSpec("P")
R = TypeVar("R")

OPERATOR = "operator"
_acting: ContextVar[str] = ContextVar("acting", default=DEFAULT_DB_ALIAS)


class TransactionMisuse(RuntimeError):
    """A function met a transaction it must not be in, or missed one it needs."""


@contextmanager
def acting_as(alias: str) -> Iterator[None]:
    """Use the connection of this alias for everything in the block, in this thread only.

    :raises TransactionMisuse: if a transaction is open, which would go on beside it
    """
    if in_transaction():
        message = f"cannot begin to act as {alias} inside a transaction"
        raise TransactionMisuse(message)
    token = _acting.set(alias)
    try:
        yield
    finally:
        _acting.reset(token)


def connection() -> BaseDatabaseWrapper:
    """Return the connection of whoever is acting."""
    return connections[_acting.get()]


class ActingRouter:
    """Sends what goes through the ORM where ``rows`` and ``transaction`` go."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        """Return the alias of whoever is acting, wherever an object was read before."""
        return _acting.get()

    db_for_write = db_for_read

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        """Let any two objects meet: every alias is the same database."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Migrate once, by the owner."""
        return db == DEFAULT_DB_ALIAS


def transaction() -> Atomic:
    """Open a transaction, refusing to nest, so that leaving the block really commits."""
    return atomic(using=_acting.get(), durable=True)


def savepoint() -> Atomic:
    """Open a savepoint inside the caller's transaction."""
    return atomic(using=_acting.get(), savepoint=True)


def after_commit(then: Callable[[], object]) -> None:
    """Call this once the open transaction has committed, or now if there is none."""
    on_commit(then, using=_acting.get())


def in_transaction() -> bool:
    """Test for an open transaction, not counting the one a test case wraps around us."""
    blocks = connection().atomic_blocks
    return bool(blocks) and not getattr(blocks[-1], "_from_testcase", False)


def needs_transaction(func: Callable[P, R]) -> Callable[P, R]:
    """Refuse to run the function where its writes would commit one by one."""

    @wraps(func)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not in_transaction():
            message = f"{func.__qualname__} needs an open transaction"
            raise TransactionMisuse(message)
        return func(*args, **kwargs)

    return checked


def outside_transaction(func: Callable[P, R]) -> Callable[P, R]:
    """Refuse to run the function while a transaction of this thread is open."""

    @wraps(func)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if in_transaction():
            message = f"{func.__qualname__} must not run inside a transaction"
            raise TransactionMisuse(message)
        return func(*args, **kwargs)

    return checked


def rows(sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows."""
    if on_sqlite():
        if meaning := meaning_of(sql):
            return carry_out(meaning, params)
    elif isinstance(sql, Prepared):
        return sql.run(connection(), params)[0]
    with connection().cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def named_row(statement: Prepared, params: Any) -> dict[str, Any]:
    """Run a statement that returns exactly one row, and return that by column name."""
    (found,), columns = statement.run(connection(), params)
    return {column.name: value for column, value in zip(columns, found, strict=True)}


NOW = "SELECT now()"


def database_time() -> datetime:
    """Return the time by the database's clock; in a transaction, when it began."""
    moment: datetime = rows(NOW)[0][0]
    return moment


@needs_transaction
def transaction_time() -> datetime:
    """Return when this transaction began, by the database's clock."""
    return database_time()


def row_dicts(sql: str, params: Any = None) -> list[dict[str, Any]]:
    """Run one statement and return its rows by column name."""
    with connection().cursor() as cursor:
        cursor.execute(sql, params)
        if cursor.description is None:
            return []
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def rows_of_values(
    sql: str, template: str, values: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Run one statement over a VALUES list (``%s`` in it) and return its rows, if it has values."""
    if not values:
        return []
    if on_sqlite() and (meaning := meaning_of(sql)):
        return meaning(values)
    # execute_values speaks to psycopg2 itself, past Django's translation of its errors.
    now = connection()
    with now.cursor() as cursor, now.wrap_database_errors:
        found: list[tuple[Any, ...]] = execute_values(
            cursor.cursor, sql, values, template, page_size=len(values), fetch=True
        )
        return found
