from importlib import import_module

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        """Have the metrics page ask this room, too, and the outbox know which kinds give way."""
        import_module("payments.sampling")
        import_module("payments.handlers")
