"""What must never be read in a log, taken out of every value before a line is rendered."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from structlog.typing import EventDict, WrappedLogger

from core.cards import holds_card_number, mask

MASK = "[redacted]"
_MAX_DEPTH = 8

_SECRET_NAME = re.compile(
    r"secret|passw(?:or)?d|token|authorization|api_?key|signature|cookie|private_?key",
    re.IGNORECASE,
)
_KEY = r"\b[ms]k_(?:live|test)_\w+|\btest_api_key\b|\bwhsec_[\w+/=-]+"
_KEY_TEXT = re.compile(_KEY, re.IGNORECASE)
_SECRET_TEXT = re.compile(rf"{_KEY}|\b(?:bearer|basic)\s+[\w.~+/=-]{{8,}}", re.IGNORECASE)
# Every repetition is bounded: a hostile text may be long, and it is searched in one pass.
_URL_PASSWORD = re.compile(
    r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@]{0,200}):[^\s/@]{1,200}@", re.IGNORECASE
)
# As in a header line, a connection string, a query or the repr of a dict.
_NAMED_VALUE = re.compile(
    r"(?P<name>(?:secret|passw(?:or)?d|token|authorization|api[_-]?key|signature|cookie)"
    r"[\w-]{0,30}[\"']?\s?[=:]\s?)(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"',;&)}\]]+)",
    re.IGNORECASE,
)
# Nearly every value holds none of these, and looking for them is cheaper than substituting.
_HINTS = (
    *("://", "mk_", "sk_", "whsec_", "bearer", "basic", "secret", "passw", "token"),
    *("authorization", "api_key", "apikey", "api-key", "signature", "cookie", "private"),
)
_SMALLEST_CARD = 10**12
# What is in nearly every line: ids and the time. Their digits are no card number's (core.cards).
_OURS = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
)
_LENGTHS_OF_OURS = {36, 27}
# The rest of most lines was said before, by the same code.
_REMEMBERED_LENGTH = 64


def clean(text: str) -> str:
    """Return the text with secrets and card numbers taken out."""
    lowered = text.lower()
    for hint in _HINTS:
        if hint in lowered:
            return mask(_without_secrets(text))
    return mask(text)


def names_nobody(name: str) -> bool:
    """Tell whether a name holds a key or a card number, as one that was pasted in a hurry.

    What else ``clean`` takes out is no proof: a shop may well be called *Basic Furniture*.
    """
    return holds_card_number(name) or _KEY_TEXT.search(name) is not None


def _without_secrets(text: str) -> str:
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _SECRET_TEXT.sub(MASK, text)
    return _NAMED_VALUE.sub(rf"\g<name>{MASK}", text)


@lru_cache(maxsize=1024)
def _names_a_secret(name: str) -> bool:
    return _SECRET_NAME.search(name.replace("-", "_")) is not None


@lru_cache(maxsize=1024)
def _clean_name(name: str) -> str:
    return clean(name)


@lru_cache(maxsize=1024)
def _is_harmless_name(name: str) -> bool:
    return not _names_a_secret(name) and _is_clean(name)


def _is_clean(text: str) -> bool:
    return clean(text) == text


_was_clean = lru_cache(maxsize=1024)(_is_clean)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as exc:  # noqa: BLE001 - anything may fail to show itself; the line says so
        return f"<{type(value).__name__}: {type(exc).__name__}>"


def _cleaned(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -_SMALLEST_CARD < value < _SMALLEST_CARD:
        return value
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _cleaned_parts(value, depth) if depth < _MAX_DEPTH else "…"
    text = _text(value)
    cleaned = clean(text)
    return value if isinstance(value, int) and cleaned == text else cleaned


def _cleaned_parts(value: Mapping[Any, Any] | Iterable[Any], depth: int) -> Any:
    if isinstance(value, Mapping):
        return {
            _clean_name(str(name)): _named(str(name), part, depth) for name, part in value.items()
        }
    return [_cleaned(part, depth + 1) for part in value]


def _named(name: str, value: Any, depth: int) -> Any:
    if value is not None and _names_a_secret(name):
        return MASK
    return _cleaned(value, depth + 1)


def _is_harmless_text(text: str) -> bool:
    if len(text) in _LENGTHS_OF_OURS and _OURS.fullmatch(text):
        return True
    return _was_clean(text) if len(text) <= _REMEMBERED_LENGTH else _is_clean(text)


def _is_harmless(event: EventDict) -> bool:
    """Tell at one look that there is nothing to take out, as nearly always."""
    for name, value in event.items():
        if not _is_harmless_name(name):
            return False
        if type(value) is str:
            if not _is_harmless_text(value):
                return False
        elif value is not None and not (
            isinstance(value, bool | float) or (type(value) is int and abs(value) < _SMALLEST_CARD)
        ):
            return False
    return True


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets and card numbers out of a log line, nested values and names included."""
    if _is_harmless(event):
        return event
    return {_clean_name(name): _named(name, value, 0) for name, value in event.items()}
