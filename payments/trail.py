"""What happened to payments: calls and their answers, what providers told us, steps, events.

All of it is kept; a trigger refuses changes, except that an attempt gets its answer, once.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from core.audit import AuditEntry
from core.ids import uuid7
from core.models import Merchant, Mode, one_of
from core.schema import XidField


class AttemptKind(models.TextChoices):
    """A send may have an effect at the provider; an ask only reads."""

    SEND = "send"
    ASK = "ask"


class Attempt(models.Model):
    """One call to a provider: intended before the socket opens, answered after.

    An intended attempt without an answer is *maybe sent*. ``outcome`` is what the provider said,
    a fact: once written it never changes.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    operation = models.ForeignKey(
        "payments.Operation", on_delete=models.PROTECT, related_name="attempts"
    )
    kind = models.TextField(choices=AttemptKind.choices)
    provider_key = models.TextField()
    message_id = models.UUIDField()
    epoch = models.IntegerField()
    intended_at = models.DateTimeField(db_default=Now())
    answered_at = models.DateTimeField(null=True)
    outcome = models.TextField(default="")
    provider_id = models.TextField(default="")
    amount = models.BigIntegerField(null=True)
    currency = models.TextField(default="")
    account = models.TextField(default="", db_default="")  # as named, if it is another one
    code = models.TextField(default="")
    detail = models.TextField(default="")

    class Meta:
        constraints: ClassVar = [
            one_of("kind", AttemptKind, "attempt_kind_known"),
            models.UniqueConstraint(
                name="attempt_once_per_start", fields=["operation", "message_id", "epoch"]
            ),
            models.CheckConstraint(
                name="attempt_outcome_iff_answered",
                condition=Q(answered_at__isnull=True) ^ ~Q(outcome=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {self.outcome or 'unanswered'}"


class Notice(models.Model):
    """What a provider told us unasked about an operation: a fact, append-only.

    By a webhook, whose id it has, or by the answer to a look for something else (``attempt``).
    """

    id = models.UUIDField(primary_key=True, editable=False)
    attempt = models.ForeignKey(
        Attempt, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    operation = models.ForeignKey(
        "payments.Operation", on_delete=models.PROTECT, related_name="notices"
    )
    outcome = models.TextField()
    provider_id = models.TextField(default="")
    amount = models.BigIntegerField(null=True)
    currency = models.TextField(default="")
    account = models.TextField(default="", db_default="")  # as named, if it is another one
    code = models.TextField(default="")
    detail = models.TextField(default="")
    recorded_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.outcome} {self.id}"


class Seen(models.Model):
    """What a person had seen of an operation when they ended a review; append-only.

    The fold asks for a person again only for what is not among these (``payments.reviews``).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    operation = models.ForeignKey(
        "payments.Operation", on_delete=models.PROTECT, related_name="seen"
    )
    audit = models.ForeignKey(AuditEntry, on_delete=models.PROTECT, related_name="+")
    outcome = models.TextField()
    provider_id = models.TextField(default="")
    amount = models.BigIntegerField(null=True)
    currency = models.TextField(default="")
    seen_at = models.DateTimeField(db_default=Now())
    xid = XidField()

    class Meta:
        default_permissions: ClassVar = ["view"]

    def __str__(self) -> str:
        return f"{self.outcome} {self.amount} {self.currency}"


class StatusChange(models.Model):
    """One step in the life of a payment or refund, with its cause; append-only."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="history"
    )
    refund = models.ForeignKey(
        "payments.Refund", on_delete=models.PROTECT, null=True, related_name="history"
    )
    before = models.TextField()
    after = models.TextField()
    version = models.IntegerField()
    cause = models.TextField()  # attempt, notice, message or operator …
    cause_id = models.UUIDField()
    at = models.DateTimeField(db_default=Now())
    xid = XidField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="status_change_payment_version_once",
                fields=["payment", "version"],
                condition=Q(refund__isnull=True),
            ),
            models.UniqueConstraint(
                name="status_change_refund_version_once",
                fields=["refund", "version"],
                condition=Q(refund__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class Event(models.Model):
    """Something a merchant may want to know; append-only, written with the change it tells of.

    The column names are those that Debezium's outbox event router expects.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    mode = models.TextField(choices=Mode.choices)
    aggregate_type = models.TextField(db_column="aggregatetype")
    aggregate_id = models.UUIDField(db_column="aggregateid")
    type = models.TextField()
    version = models.IntegerField()
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())
    xid = XidField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["aggregate_id"], name="event_by_aggregate"),
            models.Index(fields=["xid", "id"], name="event_in_order"),
        ]
        constraints: ClassVar = [one_of("mode", Mode, "event_mode_known")]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class EventNumber(models.Model):
    """An event's place in the feed of its merchant and mode; append-only (``payments.numbering``).

    A row of its own, because an event is never changed. Transaction ids can be compared within an
    ``epoch`` only: a restored dump begins another one.
    """

    event = models.OneToOneField(
        Event, on_delete=models.PROTECT, primary_key=True, related_name="place"
    )
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    mode = models.TextField(choices=Mode.choices)
    number = models.BigIntegerField()
    epoch = models.IntegerField(default=0)
    numbered_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions: ClassVar = ["view"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["merchant", "mode", "number"], name="event_number_once"
            ),
            models.CheckConstraint(name="event_number_from_one", condition=Q(number__gte=1)),
            one_of("mode", Mode, "event_number_mode_known"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.event_id}"
