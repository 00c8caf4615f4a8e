"""The outbox: a message is a row, and the row is the job. Redis carries only a hint.

``outbox/migrations/0002_*`` adds the storage options and the guard against reviving a done row.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from core.ids import uuid7
from core.schema import XidField


class State(models.IntegerChoices):
    """Where a message stands. The gaps leave room for order within an aggregate."""

    PENDING = 0
    IN_FLIGHT = 1
    HELD = 3
    DONE = 8
    DEAD = 9


class Message(models.Model):
    """An instruction to ourselves: ids only, so that rows stay small and queues hold no data.

    ``epoch`` is the fence: every claim raises it, and every later write must match it.
    ``lease_until`` is in no index on purpose, so that starts are heap-only updates.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.TextField()
    version = models.SmallIntegerField(default=1)
    lane = models.TextField()
    subject_id = models.UUIDField()
    state = models.SmallIntegerField(choices=State.choices, default=State.PENDING)
    available_at = models.DateTimeField(db_default=Now())
    epoch = models.IntegerField(default=0)
    job = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    worker = models.TextField(default="")
    alone = models.BooleanField(default=False)
    # Starts that lapsed since it was last finished or given back by whoever started it.
    lapses = models.SmallIntegerField(default=0, db_default=0)
    starts = models.IntegerField(default=0)
    failures = models.IntegerField(default=0)
    lost = models.IntegerField(default=0)
    max_attempts = models.SmallIntegerField(default=25)
    last_error = models.CharField(max_length=2000, default="")
    trace = models.TextField(default="")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    xid = XidField()

    class Meta:
        permissions: ClassVar = [
            ("replay_message", "Can make a message due now"),
            ("hold_message", "Can keep a message from running"),
            ("release_message", "Can let a held message run"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["lane", "available_at", "id"],
                name="outbox_ready",
                condition=Q(state=State.PENDING),
            ),
            models.Index(
                fields=["available_at"],
                name="outbox_ready_alone",
                condition=Q(state=State.PENDING, alone=True),
            ),
            models.Index(
                fields=["id"], name="outbox_in_flight", condition=Q(state=State.IN_FLIGHT)
            ),
            models.Index(
                fields=["id"],
                name="outbox_stopped",
                condition=Q(state__in=[State.HELD, State.DEAD]),
            ),
            # What is active is found by the constraint below; nobody looks for what is done.
            models.Index(
                fields=["subject_id"], name="outbox_dead_subject", condition=Q(state=State.DEAD)
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="outbox_one_active_per_subject",
                fields=["subject_id"],
                condition=Q(state__in=[State.PENDING, State.IN_FLIGHT, State.HELD]),
            ),
            models.UniqueConstraint(
                name="outbox_one_alone_in_flight",
                fields=["alone"],
                condition=Q(state=State.IN_FLIGHT, alone=True),
            ),
            models.CheckConstraint(
                name="outbox_state_known", condition=Q(state__in=list(State.values))
            ),
            models.CheckConstraint(
                name="outbox_in_flight_has_lease",
                condition=~Q(state=State.IN_FLIGHT)
                | Q(lease_until__isnull=False, job__isnull=False),
            ),
            models.CheckConstraint(
                name="outbox_finished_iff_over",
                condition=Q(state__in=[State.DONE, State.DEAD]) ^ Q(finished_at__isnull=True),
            ),
            models.CheckConstraint(
                name="outbox_starts_within_epochs",
                condition=Q(starts__gte=0) & Q(starts__lte=F("epoch")),
            ),
            models.CheckConstraint(
                name="outbox_lapses_within_starts",
                condition=Q(lapses__gte=0) & Q(lapses__lte=F("starts")),
            ),
            models.CheckConstraint(
                name="outbox_started_by_somebody",
                condition=Q(started_at__isnull=True) | ~Q(worker=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Lapse(models.Model):
    """A started message whose lease ran out: its worker died, froze or was too slow."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message_id = models.UUIDField(db_index=True)
    epoch = models.IntegerField()
    worker = models.TextField(db_index=True)
    alone = models.BooleanField()
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    swept_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="lapse_once_per_start", fields=["message_id", "epoch"]),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} at epoch {self.epoch}"
