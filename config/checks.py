"""Refuses to start with settings that no single room could see to be at odds."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from gateways import registry
from payments.asking import KEY_MARGIN


@register
def check_key_lifetimes(**_: Any) -> list[CheckMessage]:
    """Report every gateway whose keys are dead before a send could be repeated under them."""
    return [error for name in registry.names() for error in _too_short(name)]


def _too_short(name: str) -> list[CheckMessage]:
    try:
        capabilities = registry.get(name).capabilities
    except (AttributeError, ImportError, LookupError, TypeError, ValueError):
        return []  # the gateways' own check says what is wrong
    lifetime = capabilities.key_lifetime
    if not capabilities.keys or lifetime is None or lifetime > 2 * KEY_MARGIN:
        return []
    fault = (
        f"GATEWAYS[{name!r}] honours a key for {lifetime}, and nothing is sent within {KEY_MARGIN} "
        "of its end; a gateway of such keys must declare that it has none"
    )
    return [Error(fault, id="config.E001")]
