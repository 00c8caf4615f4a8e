"""What hand-written statements mean, in the ORM's words: for a database that does not know them.

Statements are PostgreSQL's, and stand beside the code that needs them. On SQLite (ADR 0004)
``core.db`` carries out what they mean instead, as the room's ``portable.py`` says it. A statement
that has no meaning there is the same on both.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import module_has_submodule

Rows = list[tuple[Any, ...]]
Meaning = Callable[..., Rows]
M = TypeVar("M", bound=Meaning)

_meanings: dict[str, Meaning] = {}


@cache
def on_sqlite() -> bool:
    """Tell whether this process works on an SQLite file."""
    return bool(settings.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3")


def means(*statements: str) -> Callable[[M], M]:
    """Register what statements mean; the function takes their parameters, by name if they have any.

    One over a VALUES list takes the list.
    """

    def register(meaning: M) -> M:
        _meanings.update(dict.fromkeys(statements, meaning))
        return meaning

    return register


def meaning_of(sql: str) -> Meaning | None:
    """Return what a statement means, if it was registered."""
    return _meanings.get(sql)


def carry_out(meaning: Meaning, params: Any) -> Rows:
    """Do what a statement with these parameters means, and return its rows."""
    match params:
        case None:
            return meaning()
        case Mapping():
            return meaning(**params)
        case Sequence():
            return meaning(*params)
    message = f"parameters stand in a mapping or a list, not in {type(params).__name__}"
    raise TypeError(message)


def learn() -> None:
    """Import what the rooms say of their statements."""
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, "portable"):
            import_module(f"{config.name}.portable")
