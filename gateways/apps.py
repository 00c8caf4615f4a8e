"""Registers the room with Django."""

from django.apps import AppConfig
from django.core.checks import register

from gateways.checks import check_gateways


class GatewaysConfig(AppConfig):
    """Adapters to payment providers."""

    name = "gateways"

    def ready(self) -> None:
        """Have the settings checked at start."""
        register(check_gateways)
