"""Migration operations and columns that exist on PostgreSQL only.

SQLite is for local development (ADR 0004): it gets the tables and the plain constraints, and what
``core.refusals`` adds to them.
"""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.operations import RunSQL
from django.db.models.functions import Now


class PostgresSQL(RunSQL):
    """``RunSQL`` that does nothing on another database."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, *states)


class CurrentXid(models.Func):
    """The writing transaction's id; NULL where the database has none."""

    template = "NULL"
    output_field = models.TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(compiler, connection, template="pg_current_xact_id()", **context)


class TransactionTime(models.Func):
    """When the transaction began, as SQL's ``now()``; Django's ``Now`` is the statement's start."""

    template = "CURRENT_TIMESTAMP"
    output_field = models.DateTimeField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Its CURRENT_TIMESTAMP counts whole seconds only.
        now: Any = Now()
        return now.as_sqlite(compiler, connection, **context)


class XidField(models.Field):  # type: ignore[type-arg]  # not subscriptable at run time
    """``xid8`` filled by the database with the id of the transaction that wrote the row."""

    def __init__(self, **options: Any) -> None:
        options.update(null=True, editable=False, db_default=CurrentXid())
        super().__init__(**options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        for fixed in ("null", "editable", "db_default"):
            options.pop(fixed, None)
        return name, path, args, options

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "xid8" if connection.vendor == "postgresql" else "bigint"
