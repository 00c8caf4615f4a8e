"""What the serving role (ADR 0003) and the operator's (ADR 0011) may do.

Each room lists its own in ``<room>/grants.py``. A table nobody lists is closed. `manage.py migrate`
applies the lists after every migration.
"""

import re
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
# Readiness compares the applied migrations with the files.
DJANGO_GRANTS: dict[str, str] = {"django_migrations": "SELECT"}

_ANY_ROW = "SELECT, INSERT, UPDATE, DELETE"
OPERATOR_GRANTS: dict[str, str] = {
    "core_merchant": "SELECT, INSERT, UPDATE (name, status, default_gateway)",
    # Whoever reads this table learns nothing that opens a door, and changes no key but to end it.
    "core_apikey": "SELECT (id, merchant_id, mode, name, last_four, scopes, created_at, expires_at,"
    " revoked_at), INSERT, UPDATE (revoked_at)",
    # Not the answers themselves: they are the merchants'.
    "core_idempotencyrecord": "SELECT (id, merchant_id, mode, key, fingerprint, resource_id,"
    " status, location, created_at, xid)",
    "core_auditentry": "SELECT, INSERT",
}
OPERATOR_DJANGO_GRANTS: dict[str, str] = {
    "auth_group": _ANY_ROW,
    "auth_group_permissions": _ANY_ROW,
    "auth_permission": "SELECT",
    # A user who leaves is made inactive: what they did stays theirs.
    "auth_user": "SELECT, INSERT, UPDATE",
    "auth_user_groups": _ANY_ROW,
    "auth_user_user_permissions": _ANY_ROW,
    "django_admin_log": "SELECT, INSERT",
    "django_content_type": "SELECT",
    "django_session": _ANY_ROW,
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

_COLUMNS = re.compile(r"\(([^)]+)\)")
_THERE = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""


class GrantWithoutTable(Exception):
    """A room grants rights on a table that does not exist."""


def _role_of(url: str) -> str:
    return unquote(urlsplit(url).username or "")


def serving_role() -> str:
    """Return the role that answers requests."""
    return _role_of(settings.DATABASE_URL)


def operator_role() -> str:
    """Return the role of everything under /admin/."""
    return _role_of(settings.DATABASE_OPERATOR_URL)


def owner_role() -> str:
    """Return the role that owns the tables, whom no grant binds."""
    return _role_of(settings.DATABASE_OWNER_URL)


def owner_serves() -> bool:
    """Test whether one role does both, so that no grant can bind it."""
    return owner_role() == serving_role()


def all_grants() -> dict[str, str]:
    """Collect what every room lists for the serving role."""
    return {**DJANGO_GRANTS, **dict(_of_rooms("GRANTS"))}


def all_operator_grants() -> dict[str, str]:
    """Collect what every room lists for the operator."""
    return {**OPERATOR_DJANGO_GRANTS, **dict(_of_rooms("OPERATOR_GRANTS"))}


def _of_rooms(name: str) -> Iterator[tuple[str, str]]:
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, "grants"):
            yield from getattr(import_module(f"{config.name}.grants"), name).items()


def apply_grants(connection: BaseDatabaseWrapper, *, partial: bool = False) -> bool:
    """Give both roles exactly what is listed; say whether there was anything to do.

    ``partial`` skips tables and columns that are not there yet, or not any more.

    :raises GrantWithoutTable: if a listed table does not exist
    """
    roles = {serving_role(), operator_role()} - {owner_role()}
    if connection.vendor != "postgresql" or not roles:
        return False
    with transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_OURS)
        ours = dict(cursor.fetchall())
        for role in sorted(roles):
            for statement in _taken_back(Identifier(role), ours):
                cursor.execute(statement)
        for role, listed in _lists():
            grants = _as_far_as_there(cursor, listed, ours) if partial else listed
            for statement in _given(Identifier(role), grants, ours, partial=partial):
                if role in roles:
                    cursor.execute(statement)
    return True


def _as_far_as_there(cursor: Any, listed: dict[str, str], ours: dict[str, bool]) -> dict[str, str]:
    """Leave out the columns that a table does not have at the migration that was asked for."""
    grants = dict(listed)
    for table in listed.keys() & ours.keys():
        cursor.execute(_THERE, [table])
        there = {name for (name,) in cursor.fetchall()}
        grants[table] = _without_columns(listed[table], there)
    return grants


def _without_columns(rights: str, there: set[str]) -> str:
    def kept(found: re.Match[str]) -> str:
        return f"({', '.join(name for name in found[1].split(', ') if name in there)})"

    return _COLUMNS.sub(kept, rights)


def _lists() -> Iterator[tuple[str, dict[str, str]]]:
    yield serving_role(), all_grants()
    yield operator_role(), all_operator_grants()


def _taken_back(role: Identifier, ours: dict[str, bool]) -> Iterator[Composable]:
    """Take everything back first: a grant that left its list then leaves the database, too."""
    for kind, is_sequence in (("TABLE", False), ("SEQUENCE", True)):
        names = [Identifier(name) for name, is_one in ours.items() if is_one is is_sequence]
        if names:
            revoke = SQL("REVOKE ALL ON {} {} FROM {}")
            yield revoke.format(SQL(kind), SQL(", ").join(names), role)


def _given(
    role: Identifier, grants: dict[str, str], ours: dict[str, bool], *, partial: bool
) -> Iterator[Composable]:
    # Our sequences belong to identity columns, which need no right of their own.
    for table, rights in grants.items():
        if table in ours:
            yield SQL("GRANT {} ON TABLE {} TO {}").format(SQL(rights), Identifier(table), role)
        elif not partial:
            message = f"{table} is listed in a grants.py, but there is no such table"
            raise GrantWithoutTable(message)


def roles_are_apart(**_: Any) -> list[checks.CheckMessage]:
    """Refuse to serve as the tables' owner, whom no grant binds, or with the operator's rights."""
    if urlsplit(settings.DATABASE_URL).scheme == "sqlite":
        return []
    shared = {
        "001": (owner_serves(), _OWNER_SERVES, _OWNER_HINT),
        "002": (operator_role() in {serving_role(), owner_role()}, _NO_OPERATOR, _OPERATOR_HINT),
    }
    kind, letter = (checks.Warning, "W") if settings.DEBUG else (checks.Error, "E")
    return [
        kind(text, hint=hint, id=f"core.{letter}{number}")
        for number, (is_so, text, hint) in shared.items()
        if is_so
    ]


_OWNER_SERVES = (
    "DATABASE_URL and DATABASE_OWNER_URL name the same role: it owns the tables, so "
    "append-only and least privilege are not enforced by the database."
)
_OWNER_HINT = "Make a second role and put the owner's address in DATABASE_OWNER_URL."
_NO_OPERATOR = (
    "DATABASE_OPERATOR_URL names the serving role or the owner: whoever takes over the API has the "
    "operators' sessions and rights, or every operator has all of the owner's."
)
_OPERATOR_HINT = "Make a third role and put its address in DATABASE_OPERATOR_URL."
