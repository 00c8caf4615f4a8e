"""`manage.py dispatch`: the dispatcher as a process."""

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.celery import app
from core.logging import get_logger
from dispatcher.alone import AnotherDispatcher, alone_on_sqlite
from dispatcher.loop import Loop
from dispatcher.publishing import Publisher

log = get_logger(__name__)


class Command(BaseCommand):
    help = (
        "Lease due outbox messages and hand them to the Celery workers. Run as many as you like "
        "(on SQLite only one); SIGTERM stops one within five seconds."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Dispatch until told to stop.

        :raises CommandError: if another dispatcher works on the same SQLite file
        """
        stopping = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        app.set_current()
        try:
            with alone_on_sqlite():
                self._dispatch(stopping)
        except AnotherDispatcher as refusal:
            message = (
                f"another dispatcher runs on this SQLite file (it holds {refusal}); "
                "stop it first, or use PostgreSQL, where there may be many"
            )
            raise CommandError(message) from None

    def _dispatch(self, stopping: Event) -> None:
        log.info("dispatcher.started")
        Loop(Publisher()).run(stopping)
        log.info("dispatcher.stopped")
