from django.apps import AppConfig
from django.core import checks


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core import grants, logging

        logging.configure()
        checks.register(grants.owner_is_not_the_serving_role)
