"""Refuses to start with settings that no single room could see to be at odds."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution
from django.http.request import split_domain_port, validate_host

from gateways import registry
from payments.asking import KEY_MARGIN


@register
def check_public_url(**_: Any) -> list[CheckMessage]:
    """Report a name for payers that this service does not answer to."""
    host, _port = split_domain_port(urlsplit(settings.PUBLIC_URL).netloc)
    if settings.DEBUG or validate_host(host, settings.ALLOWED_HOSTS):
        return []
    said = f"PUBLIC_URL names {host}, which is not among ALLOWED_HOSTS: payers would be refused"
    return [Caution(said, id="config.W001")]


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
