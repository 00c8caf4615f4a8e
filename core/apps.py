from django.apps import AppConfig
from django.core import checks


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core import grants, logging, meanings

        logging.configure()
        if meanings.on_sqlite():
            meanings.learn()
        checks.register(grants.roles_are_apart)
