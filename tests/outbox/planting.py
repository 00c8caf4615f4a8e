"""Messages in plain rows, in whatever state a test needs."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from core.db import rows, transaction
from outbox import delivery, leasing
from outbox.handling import Started, Ticket
from outbox.models import Message

LEASE = timedelta(seconds=10)
LANE = "charge:mock"
DUE = "2020-01-01T00:00:00Z"


def plant(count: int = 1, *, lane: str = LANE, **columns: Any) -> list[UUID]:
    """Stage messages that have been due for long."""
    made = [
        Message(kind="charge", lane=lane, subject_id=uuid4(), available_at=DUE, **columns)
        for _ in range(count)
    ]
    Message.objects.bulk_create(made)
    return [message.id for message in made]


def claim(limit: int = 100, *, lane: str = LANE, lease: timedelta = LEASE, size: int = 50,
          floor: Any = DUE) -> list[Ticket]:  # fmt: skip
    jobs, _ = leasing.claim(lane, limit=limit, size=size, lease=lease, floor=floor)
    return [ticket for job in jobs for ticket in job.tickets]


def start(*tickets: Ticket, worker: str = "host:1", lease: timedelta = LEASE) -> list[Started]:
    with transaction():
        return delivery.start(list(tickets), worker=worker, lease=lease)


def lapse() -> None:
    """Let every lease run out."""
    rows(
        "UPDATE outbox_message SET lease_until = now() - interval '1 second',"
        " started_at = started_at - interval '11 seconds' WHERE state = 1"
    )


def make_due() -> None:
    rows("UPDATE outbox_message SET available_at = %s WHERE state = 0", [DUE])


def states(*columns: str) -> list[tuple[Any, ...]]:
    names = ", ".join(columns or ("state",))
    return rows(f"SELECT {names} FROM outbox_message ORDER BY id")
