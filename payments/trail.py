"""What happened to payments: calls and their answers, what providers told us, steps, events.

All of it is kept; a trigger refuses changes, except that an attempt gets its answer, once.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual

from core.addresses import ADDRESS_LENGTH
from core.audit import AuditEntry
from core.ids import uuid7
from core.models import Merchant, Mode, one_of
from core.schema import XidField


class AttemptKind(models.TextChoices):
    """A send may have an effect at the provider; an ask only reads."""

    SEND = "send"
    ASK = "ask"


def action_iff_required(name: str) -> models.CheckConstraint:
    """Return the check that who asks a payer to act names where, as a web address.

    Who says that the payer has acted, and the rest is open, may name the same; nobody else does.
    """
    is_web = Q(action_url__startswith="https://") | Q(action_url__startswith="http://")
    is_address = is_web & Q(LessThanOrEqual(Length("action_url"), ADDRESS_LENGTH))
    return models.CheckConstraint(
        name=name,
        condition=Q(outcome="requires_action") & is_address
        | Q(outcome="pending") & (Q(action_url="") | is_address)
        | ~Q(outcome__in=["requires_action", "pending"]) & Q(action_url=""),
    )


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
    action_url = models.TextField(default="", db_default="")  # where the payer has to go
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
            action_iff_required("attempt_action_iff_required"),
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
    action_url = models.TextField(default="", db_default="")  # where the payer has to go
    code = models.TextField(default="")
    detail = models.TextField(default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [action_iff_required("notice_action_iff_required")]

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
    """One step in the life of a payment, refund or dispute, with its cause; append-only."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="history"
    )
    refund = models.ForeignKey(
        "payments.Refund", on_delete=models.PROTECT, null=True, related_name="history"
    )
    # No index of its own: the constraint below has one over the few rows that have a dispute.
    dispute = models.ForeignKey(
        "payments.Dispute",
        on_delete=models.PROTECT,
        null=True,
        related_name="history",
        db_index=False,
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
                condition=Q(refund__isnull=True, dispute__isnull=True),
            ),
            models.UniqueConstraint(
                name="status_change_refund_version_once",
                fields=["refund", "version"],
                condition=Q(refund__isnull=False),
            ),
            models.UniqueConstraint(
                name="status_change_dispute_version_once",
                fields=["dispute", "version"],
                condition=Q(dispute__isnull=False),
            ),
            models.CheckConstraint(
                name="status_change_of_one",
                condition=Q(refund__isnull=True) | Q(dispute__isnull=True),
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
