"""`manage.py start`: one process of the service, once it can work."""

import os
import sys
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import command_lines, waiting

NEEDS: dict[str, dict[str, waiting.Ask]] = {
    # Web has to do without a broker at any time, so it does from its start.
    "web": {"the database": waiting.schema},
    "dispatcher": {"the database": waiting.schema, "the broker": waiting.broker},
    "worker": {"the database": waiting.schema, "the broker": waiting.broker},
}


class Command(BaseCommand):
    help = (
        "Wait for what the process needs (see `wait --help`), then become it. Web listens on HOST "
        "and PORT. Exit 1 if the time is up before: whoever restarts us tries again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("process", choices=NEEDS)
        waiting.add_timeout(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait, and replace this process.

        :raises CommandError: if the time is up
        """
        process = options["process"]
        timeout = timedelta(seconds=options["timeout"])
        try:
            waiting.wait_for(NEEDS[process], timeout, self.stderr.write)
        except waiting.NotReady as error:
            raise CommandError(str(error)) from error
        command = _command(process)
        self.stderr.write(f"starting {process}")
        sys.stderr.flush()
        os.execv(command[0], command)  # noqa: S606 - our own command


def _command(process: str) -> list[str]:
    match process:
        case "web":
            return command_lines.web(os.environ.get("HOST") or "127.0.0.1", settings.PORT)
        case "dispatcher":
            return command_lines.dispatcher()
        case _:
            return command_lines.worker()
