from importlib import import_module

from django.apps import AppConfig

from core import known


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        """Have the metrics page ask this room, too, and the outbox know which kinds give way."""
        import_module("payments.sampling")
        import_module("payments.handlers")
        from core.auth import ALL_SCOPES

        known.scopes.update(
            {
                "payments:read": "read payments",
                "payments:write": "create payments",
                "refunds:write": "refund payments",
                "balance:read": "read the balance",
                "events:read": "read events",
                ALL_SCOPES: "everything, also what comes later",
            }
        )
