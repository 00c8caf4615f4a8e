"""Reads settings from the environment, and from ``.local/env`` where a variable is unset.

``make up`` writes ``.local/env``, so ``manage.py`` works beside a running stack without exports.
``ENV_FILE`` names another file; an empty ``ENV_FILE`` means none.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
T = TypeVar("T")


@cache
def _from_file() -> dict[str, str]:
    name = os.environ.get("ENV_FILE", str(BASE_DIR / ".local" / "env"))
    path = Path(name)
    if not name or not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key: value for key, _, value in pairs}


def text(name: str, default: str = "") -> str:
    """Return the variable, the file's value, or the default."""
    return os.environ.get(name) or _from_file().get(name, default)


def _parsed(name: str, default: T, parse: Callable[[str], T], wanted: str) -> T:
    raw = text(name)
    if not raw:
        return default
    try:
        return parse(raw)
    except ValueError:
        message = f"{name} must be {wanted}, not {raw!r}"
        raise ImproperlyConfigured(message) from None


def whole(name: str, default: int) -> int:
    """Return an integer variable.

    :raises ImproperlyConfigured: if it is set to anything else
    """
    return _parsed(name, default, int, "a whole number")


def seconds(name: str, default: float) -> float:
    """Return a duration in seconds.

    :raises ImproperlyConfigured: if it is not a number above zero
    """

    def parse(raw: str) -> float:
        value = float(raw)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    return _parsed(name, default, parse, "a number of seconds above zero")


def flag(name: str, *, default: bool) -> bool:
    """Return an on/off variable (``1``, ``0``, ``true``, ``false``).

    :raises ImproperlyConfigured: if it is set to anything else
    """
    words = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}

    def parse(raw: str) -> bool:
        if raw.lower() not in words:
            raise ValueError
        return words[raw.lower()]

    return _parsed(name, default, parse, "1 or 0")


def names(name: str, default: str) -> list[str]:
    """Return a comma-separated list without its empty items."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


KEY_LENGTH_MIN = 32


def keys(name: str) -> dict[str, str]:
    """Return a comma-separated list of ``id:key``, the current one first.

    :raises ImproperlyConfigured: if one has no id, is too short, or two have the same id
    """
    found: dict[str, str] = {}
    for item in names(name, ""):
        key_id, _, key = item.partition(":")
        # What is wrong is said without the key: this text ends in a log.
        if not key_id or len(key) < KEY_LENGTH_MIN or key_id in found:
            message = (
                f"{name} must be id:key, or several with commas between them: each with an id of"
                f" its own, and a key of at least {KEY_LENGTH_MIN} characters"
            )
            raise ImproperlyConfigured(message)
        found[key_id] = key
    return found


# What libpq may be told in a URL's query.
_LIBPQ_OPTIONS = frozenset(
    {
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslnegotiation"),
        *("ssl_min_protocol_version", "channel_binding", "require_auth", "gssencmode"),
        *("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval"),
        *("keepalives_count", "tcp_user_timeout", "target_session_attrs"),
        *("application_name", "options", "passfile"),
    }
)
# A server that is gone without a word is noticed after half a minute, idle or in a statement.
# Limits of statements are the role's: a pooler may refuse `options` (docs/settings.md).
_LIBPQ_DEFAULTS = {
    "connect_timeout": "5",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
}


def database(url: str) -> dict[str, Any]:
    """Translate a database URL into Django's form.

    :raises ImproperlyConfigured: if the scheme is neither ``postgresql`` nor ``sqlite``, the port
        is no number, a file has no name, or the query says something that we do not pass on
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(parts)
    if parts.scheme not in {"postgresql", "postgres"}:
        message = "DATABASE_URL must start with postgresql:// or sqlite://"
        raise ImproperlyConfigured(message)
    return {
        "ENGINE": "core.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(_port(parts) or 5432),
        "OPTIONS": _LIBPQ_DEFAULTS | _libpq_options(parts.query, _LIBPQ_OPTIONS),
    }


def is_sqlite(url: str) -> bool:
    """Tell whether a database URL names a file."""
    return urlsplit(url).scheme == "sqlite"


# A writer waits this long for the one before it. They are short, but waiting is not in turn.
_SQLITE_WAIT_SECONDS = 20


def _sqlite(parts: SplitResult) -> dict[str, Any]:
    _libpq_options(parts.query, frozenset())
    name = unquote(parts.path[1:])
    if parts.netloc or not name:
        message = (
            "an SQLite URL has three slashes and a path: sqlite:///.local/dev.sqlite3 is relative "
            "to the project, sqlite:////tmp/dev.sqlite3 is not"
        )
        raise ImproperlyConfigured(message)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(BASE_DIR / name),
        "OPTIONS": {
            "timeout": _SQLITE_WAIT_SECONDS,
            # Readers are not in the way of the writer, nor it in theirs.
            "init_command": "PRAGMA journal_mode = WAL",
            # A transaction that read first and wrote later would find that it cannot.
            "transaction_mode": "IMMEDIATE",
        },
    }


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        # The parser's own words would show what stands there, a password perhaps.
        message = "the port in DATABASE_URL is not a number; is a sign in the password not escaped?"
        raise ImproperlyConfigured(message) from None


def _libpq_options(query: str, allowed: frozenset[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in allowed:
            message = f"a database URL may not say {name!r} after its ?; known are: " + (
                ", ".join(sorted(allowed)) or "none for this database"
            )
            raise ImproperlyConfigured(message)
        if name in options:
            message = f"a database URL says {name!r} twice"
            raise ImproperlyConfigured(message)
        options[name] = value
    return options
