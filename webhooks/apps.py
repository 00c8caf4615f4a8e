from importlib import import_module

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        """Have the metrics page and the timelines ask this room, too."""
        import_module("webhooks.sampling")
        import_module("webhooks.happenings")
