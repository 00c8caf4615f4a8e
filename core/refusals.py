"""What SQLite refuses by trigger (ADR 0004): what triggers and grants refuse on PostgreSQL.

Each room lists its own in ``<room>/refusals.py``. `manage.py migrate` takes them away before it
begins and makes them anew when it is done: SQLite alters a table by making another one, which loses
the old one's triggers and fails while another table's trigger names it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.module_loading import module_has_submodule

from core.db import transaction


@dataclass(frozen=True, slots=True)
class Refusal:
    """Writes that are refused: all of these events, or those for which ``when`` is true.

    It has the name of the trigger that does the same on PostgreSQL, if there is one.
    """

    table: str
    name: str
    events: str
    message: str
    when: str = ""

    def statements(self) -> Iterator[str]:
        """Yield the statements that put it in force."""
        when = f"WHEN {self.when}" if self.when else ""
        for event in self.events.split():
            name = f"{self.name}_{event.lower()}"
            yield (
                f"CREATE TRIGGER {name} BEFORE {event} ON {self.table} FOR EACH ROW {when} "
                f"BEGIN SELECT RAISE(ABORT, '{self.message}'); END"
            )


def append_only(table: str, name: str = "") -> Refusal:
    """Return the refusal of a table that only grows."""
    name = name or f"{table}_append_only"
    return Refusal(table, name, "UPDATE DELETE", f"{table} is append-only")


def differs(*columns: str) -> str:
    """Return the condition that one of these columns changes."""
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return f"({old}) IS NOT ({new})"


REFUSALS = [
    Refusal(
        "core_idempotencyrecord",
        "core_idempotencyrecord_fixed",
        "UPDATE",
        "a stored answer never changes",
    ),
    Refusal(
        "core_merchant",
        "core_merchant_closed_for_good",
        "UPDATE",
        "a closed merchant stays closed",
        "OLD.status = 'closed' AND NEW.status <> 'closed'",
    ),
    Refusal("core_merchant", "core_merchant_kept", "DELETE", "a merchant is never deleted"),
    Refusal(
        "core_apikey",
        "core_apikey_revoked_for_good",
        "UPDATE",
        "a revoked key stays revoked",
        "OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NOT OLD.revoked_at",
    ),
    Refusal(
        "core_apikey",
        "core_apikey_terms_fixed",
        "UPDATE",
        "whose key it is never changes",
        differs("id", "merchant_id", "mode", "secret_sha256", "created_at"),
    ),
    Refusal("core_apikey", "core_apikey_kept", "DELETE", "a key is never deleted"),
    append_only("core_auditentry"),
]


def all_refusals() -> Iterator[Refusal]:
    """Yield what every room lists."""
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, "refusals"):
            yield from import_module(f"{config.name}.refusals").REFUSALS


def lift_refusals(connection: BaseDatabaseWrapper) -> None:
    """Take every trigger away, on SQLite."""
    if connection.vendor != "sqlite":
        return
    with transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')


def apply_refusals(connection: BaseDatabaseWrapper) -> None:
    """Put every refusal in force whose table is there, on SQLite."""
    if connection.vendor != "sqlite":
        return
    tables = set(connection.introspection.table_names())
    with transaction(), connection.cursor() as cursor:
        for refusal in all_refusals():
            if refusal.table in tables:
                for statement in refusal.statements():
                    cursor.execute(statement)
