"""Name → configured adapter, from ``settings.GATEWAYS``."""

from collections.abc import Iterator
from threading import Lock
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from gateways.base import Gateway

_lock = Lock()
_built: dict[str, tuple[dict[str, Any], Gateway]] = {}

# An option with one of these in its name is never shown, so adapters name theirs accordingly.
_SECRET_WORDS = ("secret", "key", "token", "password")
# Shorter values are no secrets, and hiding them would hide half of every message.
_SECRET_LENGTH_MIN = 4


class UnknownGateway(LookupError):
    """No entry of ``settings.GATEWAYS`` has this name."""


def names() -> list[str]:
    """Return the names of all configured gateways, sorted."""
    return sorted(settings.GATEWAYS)


def is_configured(name: str) -> bool:
    """Test whether an entry has this name."""
    return name in settings.GATEWAYS


def get(name: str) -> Gateway:
    """Return the adapter, made once for each process and settings entry.

    :raises UnknownGateway: if no entry has this name
    """
    entry = settings.GATEWAYS.get(name)
    if entry is None:
        raise UnknownGateway(name)
    with _lock:
        known = _built.get(name)
        if known is None or known[0] is not entry:
            known = _built[name] = (entry, build(entry))
    return known[1]


def build(entry: dict[str, Any]) -> Gateway:
    """Make the adapter that a settings entry describes.

    :raises ImportError: if there is no such class
    :raises TypeError: if the class does not take these options, or lacks a gateway's method
    """
    gateway = import_string(entry["class"])(**entry.get("options", {}))
    if not isinstance(gateway, Gateway):
        message = f"{entry['class']} lacks a method of gateways.base.Gateway"
        raise TypeError(message)
    return gateway


def conceal(name: str, text: str) -> str:
    """Return the text without the secrets configured for this gateway."""
    for secret in _secrets(settings.GATEWAYS.get(name, {}).get("options", {})):
        text = text.replace(secret, "[secret]")
    return text


def _secrets(options: dict[str, Any]) -> Iterator[str]:
    for option, value in options.items():
        if any(word in option for word in _SECRET_WORDS):
            values = value if isinstance(value, list | tuple) else [value]
            yield from (
                item for item in values if isinstance(item, str) and len(item) >= _SECRET_LENGTH_MIN
            )
