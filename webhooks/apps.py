from importlib import import_module

from django.apps import AppConfig

from core import known


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        """Have metrics and timelines ask this room, too, and say what a key may be allowed here."""
        import_module("webhooks.sampling")
        import_module("webhooks.happenings")
        known.scopes.update(
            {
                "webhooks:read": "read webhook endpoints and deliveries",
                "webhooks:write": "make, change and try webhook endpoints, and send again",
            }
        )
