"""`manage.py wait`: return when a process could start."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import waiting


class Command(BaseCommand):
    help = (
        "Wait until the database answers the serving role and has all migrations. Says every two "
        "seconds what is missing. Exit 1 if the time is up before."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        waiting.add_timeout(parser)
        parser.add_argument("--broker", action="store_true", help="wait for the broker as well")

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait and tell.

        :raises CommandError: if the time is up
        """
        needs = {"the database": waiting.schema}
        if options["broker"]:
            needs["the broker"] = waiting.broker
        timeout = timedelta(seconds=options["timeout"])
        try:
            took = waiting.wait_for(needs, timeout, self.stderr.write)
        except waiting.NotReady as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"ready after {took.total_seconds():.1f} s")
