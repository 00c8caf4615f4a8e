from importlib import import_module

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"

    def ready(self) -> None:
        """Have the metrics page ask this room, too."""
        import_module("ledger.sampling")
