"""What must never be read in a log, taken out of every value before a line is rendered."""

import re
from collections.abc import Mapping
from typing import Any

from structlog.typing import EventDict, WrappedLogger

from core.cards import mask

MASK = "[redacted]"
_MAX_DEPTH = 8

_SECRET_NAME = re.compile(
    r"secret|passw(?:or)?d|token|authorization|api_?key|signature|cookie|private_?key",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"\bmk_(?:live|test)_\w+"
    r"|\btest_api_key\b"
    r"|\bwhsec_[\w+/=-]+"
    r"|\b(?:bearer|basic)\s+[\w.~+/=-]{8,}",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/@]+@", re.IGNORECASE)
# As in a header line, a connection string, a query or the repr of a dict.
_NAMED_VALUE = re.compile(
    r"(?P<name>[\w-]*(?:secret|passw(?:or)?d|token|authorization|api[_-]?key|signature|cookie)"
    r"[\w-]*[\"']?\s*[=:]\s*)(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"',;&)}\]]+)",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    """Return the text with secrets and card numbers taken out."""
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _SECRET_TEXT.sub(MASK, text)
    text = _NAMED_VALUE.sub(rf"\g<name>{MASK}", text)
    return mask(text)


def _names_a_secret(name: str) -> bool:
    return _SECRET_NAME.search(name.replace("-", "_")) is not None


def _cleaned(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int):
        text = str(value)
        return value if mask(text) == text else mask(text)
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {clean(str(name)): _named(str(name), part, depth) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(part, depth + 1) for part in value]
    return clean(str(value))


def _named(name: str, value: Any, depth: int) -> Any:
    if value is not None and _names_a_secret(name):
        return MASK
    return _cleaned(value, depth + 1)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets and card numbers out of a log line, nested values and names included."""
    return {clean(name): _named(name, value, 0) for name, value in event.items()}
