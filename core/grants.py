"""What the serving role may do (ADR 0003): each room lists its own in ``<room>/grants.py``.

A table nobody lists is closed. `manage.py migrate` applies the lists after every migration.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.module_loading import module_has_submodule
from psycopg2.sql import SQL, Composable, Identifier

from core.db import transaction

GRANTS: dict[str, str] = {
    "core_merchant": "SELECT, INSERT, UPDATE",
    "core_apikey": "SELECT, INSERT, UPDATE",
    "core_idempotencyrecord": "SELECT, INSERT, DELETE",
}
_ADMIN = "SELECT, INSERT, UPDATE, DELETE"
DJANGO_GRANTS: dict[str, str] = {
    "auth_group": _ADMIN,
    "auth_group_permissions": _ADMIN,
    "auth_permission": "SELECT",
    "auth_user": _ADMIN,
    "auth_user_groups": _ADMIN,
    "auth_user_user_permissions": _ADMIN,
    "django_admin_log": "SELECT, INSERT",
    "django_content_type": "SELECT",
    # Readiness compares the applied migrations with the files.
    "django_migrations": "SELECT",
    "django_session": _ADMIN,
}

# Two migrations at once would meet as "tuple concurrently updated"; any fixed number will do.
_LOCK = 0x6772616E
_OURS = """
    SELECT c.relname, c.relkind = 'S'
      FROM pg_class c
     WHERE c.relnamespace = current_schema()::regnamespace
       AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
       AND pg_get_userbyid(c.relowner) = current_user
     ORDER BY c.oid
"""


class GrantWithoutTable(Exception):
    """A room grants rights on a table that does not exist."""


def serving_role() -> str:
    """Return the role that answers requests."""
    return unquote(urlsplit(settings.DATABASE_URL).username or "")


def owner_serves() -> bool:
    """Test whether one role does both, so that no grant can bind it."""
    return unquote(urlsplit(settings.DATABASE_OWNER_URL).username or "") == serving_role()


def all_grants() -> dict[str, str]:
    """Collect what every room lists."""
    return {**DJANGO_GRANTS, **dict(_of_rooms())}


def _of_rooms() -> Iterator[tuple[str, str]]:
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, "grants"):
            yield from import_module(f"{config.name}.grants").GRANTS.items()


def apply_grants(connection: BaseDatabaseWrapper, *, partial: bool = False) -> bool:
    """Give the serving role exactly what is listed; say whether there was anything to do.

    ``partial`` skips tables that are not there yet.

    :raises GrantWithoutTable: if a listed table does not exist
    """
    if connection.vendor != "postgresql" or owner_serves():
        return False
    role = Identifier(serving_role())
    with transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_OURS)
        ours = dict(cursor.fetchall())
        for statement in _statements(role, ours, partial=partial):
            cursor.execute(statement)
    return True


def _statements(role: Identifier, ours: dict[str, bool], *, partial: bool) -> Iterator[Composable]:
    sequences = [Identifier(name) for name, is_sequence in ours.items() if is_sequence]
    tables = [Identifier(name) for name, is_sequence in ours.items() if not is_sequence]
    if tables:
        # Taking everything back first makes a grant that left its list leave the database too.
        yield SQL("REVOKE ALL ON TABLE {} FROM {}").format(SQL(", ").join(tables), role)
    if sequences:
        yield SQL("REVOKE ALL ON SEQUENCE {} FROM {}").format(SQL(", ").join(sequences), role)
        yield SQL("GRANT USAGE ON SEQUENCE {} TO {}").format(SQL(", ").join(sequences), role)
    for table, rights in all_grants().items():
        if table in ours:
            yield SQL("GRANT {} ON TABLE {} TO {}").format(SQL(rights), Identifier(table), role)
        elif not partial:
            message = f"{table} is listed in a grants.py, but there is no such table"
            raise GrantWithoutTable(message)


def owner_is_not_the_serving_role(**_: Any) -> list[checks.CheckMessage]:
    """Refuse to serve as the tables' owner, whom no grant binds."""
    if urlsplit(settings.DATABASE_URL).scheme == "sqlite" or not owner_serves():
        return []
    kind = checks.Warning if settings.DEBUG else checks.Error
    return [
        kind(
            "DATABASE_URL and DATABASE_OWNER_URL name the same role: it owns the tables, so "
            "append-only and least privilege are not enforced by the database.",
            hint="Make a second role and put the owner's address in DATABASE_OWNER_URL.",
            id="core.W001" if settings.DEBUG else "core.E001",
        )
    ]
