"""Registers the room with Django."""

from django.apps import AppConfig
from django.core.checks import register

from core import known
from gateways import registry
from gateways.checks import check_gateways


class GatewaysConfig(AppConfig):
    """Adapters to payment providers."""

    name = "gateways"

    def ready(self) -> None:
        """Have the settings checked at start, and the names known to who offers a choice."""
        register(check_gateways)
        known.gateways.append(registry.names)
