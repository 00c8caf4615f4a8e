"""Django's ``migrate``, one at a time; after it the other roles' rights, or SQLite's refusals."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg2
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from config import waiting
from core.grants import apply_grants
from core.refusals import apply_refusals, lift_refusals

# Any fixed number will do.
LOCK = 0x6D696772
# A server that starts beside us, and the roles that are made on it, may take as long.
SERVER_WITHIN = timedelta(seconds=30)


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        self._wait_for_server(connection)
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        with self._alone(connection):
            lift_refusals(connection)
            super().handle(*args, **options)
            apply_refusals(connection)
            granted = apply_grants(connection, partial=bool(options["app_label"]))
        if granted and options["verbosity"] >= 1:
            self.stdout.write("  Granted the serving role and the operator their rights.")

    def _wait_for_server(self, connection: BaseDatabaseWrapper) -> None:
        if connection.vendor != "postgresql":
            return
        ask = partial(waiting.server, **connection.get_connection_params())
        try:
            waiting.wait_for({"the database": ask}, SERVER_WITHIN, self.stderr.write)
        except waiting.NotReady as error:
            raise CommandError(str(error)) from error

    @contextmanager
    def _alone(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        """Wait for another migrate to end: two would apply the same migration, and one would fail.

        A connection of its own holds the lock in a transaction, which ends with it in every way
        that this process may end, and through a pooler, too.
        """
        if connection.vendor != "postgresql":
            yield
            return
        with closing(psycopg2.connect(**connection.get_connection_params())) as lock:
            cursor = lock.cursor()
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if not (cursor.fetchone() or [False])[0]:
                self.stdout.write("  Another migrate is running; waiting for its end.")
                self.stdout.flush()
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            yield
