from importlib import import_module

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        """Have the metrics page ask this room, too."""
        import_module("webhooks.sampling")
