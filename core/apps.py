from django.apps import AppConfig
from django.core import checks


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core import grants, kill_points, logging, meanings

        logging.configure()
        kill_points.announce()
        if meanings.on_sqlite():
            meanings.learn()
        checks.register(grants.roles_are_apart)
