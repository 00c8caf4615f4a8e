"""Django's ``migrate``, and the rights of the other roles after it."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from core.grants import apply_grants


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["plan"] or options["check_unapplied"]:
            return
        connection = connections[options["database"]]
        granted = apply_grants(connection, partial=bool(options["app_label"]))
        if granted and options["verbosity"] >= 1:
            self.stdout.write("  Granted the serving role and the operator their rights.")
