"""Bring schema, rights and demo data up to date, in one process: what `make up` runs first."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        # A web server does not run these, so this is where a bad setting is named.
        call_command("check", stdout=self.stdout)
        call_command("migrate", interactive=False, verbosity=1, stdout=self.stdout)
        # Outside DEBUG the demo merchant is made only when somebody asks for it by name.
        if settings.DEBUG:
            call_command("seed_demo", stdout=self.stdout)
