"""`manage.py dispatch`: the dispatcher as a process."""

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand

from config.celery import app
from core.logging import get_logger
from dispatcher.loop import Loop
from dispatcher.publishing import Publisher

log = get_logger(__name__)


class Command(BaseCommand):
    help = (
        "Lease due outbox messages and hand them to the Celery workers. Run as many as you like; "
        "SIGTERM stops one within five seconds."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Dispatch until told to stop."""
        stopping = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        app.set_current()
        log.info("dispatcher.started")
        Loop(Publisher()).run(stopping)
        log.info("dispatcher.stopped")
