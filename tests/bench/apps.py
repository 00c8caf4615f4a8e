from django.apps import AppConfig


class BenchConfig(AppConfig):
    name = "tests.bench"

    def ready(self) -> None:
        """Route the messages of the benchmarks, in whichever process this is."""
        from dispatcher.routes import ROUTES
        from tests.bench import touching

        for handler in touching.HANDLERS:
            ROUTES.update(dict.fromkeys(handler.kinds, handler))
