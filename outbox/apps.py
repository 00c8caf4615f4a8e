from importlib import import_module

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "outbox"

    def ready(self) -> None:
        """Have the metrics page ask this room, too."""
        import_module("outbox.sampling")
