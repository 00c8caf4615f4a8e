"""The only Celery task on the money path. It carries ids and epochs, no data and no authority."""

import os
import socket
from uuid import UUID

from celery import shared_task
from django.db import connection

from core.kill_points import reached
from core.metrics import STALE_DELIVERIES
from dispatcher import runner
from dispatcher.publishing import TASK
from dispatcher.routes import ROUTES
from outbox.handling import Ticket

# Named before the pool forks, so that all slots of a worker, which die together, share it.
WORKER = f"{socket.gethostname()}:{os.getpid()}"

# A counter that is zero is a fact, too.
for _kind in ROUTES:
    STALE_DELIVERIES.labels(_kind)


@shared_task(name=TASK, ignore_result=True)
def run(lane: str, tickets: list[tuple[str, int]]) -> None:
    """Carry out the messages of one job."""
    reached("worker.on_receive")
    connection.close_if_unusable_or_obsolete()
    runner.run(lane, [Ticket(UUID(id_), epoch) for id_, epoch in tickets], WORKER)
