"""Payments, refunds, the operations that carry them out, and every call made for them.

``payments/migrations/0002_*`` adds what Django cannot say: the state trigger, append-only
triggers, and the guard that a refund matches its payment.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from core.ids import uuid7
from core.models import Merchant, Mode, one_of
from core.money import MAX_AMOUNT
from core.schema import XidField
from payments.states import OperationState, RefundStatus, Status


def _amount_check(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, condition=Q(amount__gte=1) & Q(amount__lte=MAX_AMOUNT))


class Payment(models.Model):
    """What a merchant asks for. ``payments.changes`` is the only writer of ``status``."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="payments", db_index=False
    )
    mode = models.TextField(choices=Mode.choices)
    status = models.TextField(choices=Status.choices, default=Status.CREATED)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    gateway = models.TextField()
    payment_method = models.TextField(default="")
    return_url = models.TextField(default="")
    reference = models.TextField(default="")
    description = models.TextField(default="")
    metadata = models.JSONField(default=dict)
    amount_captured = models.BigIntegerField(default=0)
    amount_refund_held = models.BigIntegerField(default=0)
    amount_overdrawn = models.BigIntegerField(default=0)
    amount_refunded = models.BigIntegerField(default=0)
    failure_code = models.TextField(default="")
    failure_message = models.TextField(default="")
    outcome_unknown_since = models.DateTimeField(null=True)
    needs_review = models.BooleanField(default=False)
    review_reason = models.TextField(default="")
    review_operation = models.UUIDField(null=True)  # whose end ends the review; None: a person's
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    xid = XidField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["merchant", "mode", "-id"], name="payment_newest_first"),
            models.Index(
                fields=["id"], name="payment_needs_review", condition=Q(needs_review=True)
            ),
        ]
        constraints: ClassVar = [
            one_of("mode", Mode, "payment_mode_known"),
            one_of("status", Status, "payment_status_known"),
            _amount_check("payment_amount_in_bounds"),
            models.CheckConstraint(
                name="payment_captured_iff_successful",
                condition=Q(status__in=[Status.SUCCESS, Status.REFUNDED], amount_captured__gte=1)
                | (~Q(status__in=[Status.SUCCESS, Status.REFUNDED]) & Q(amount_captured=0)),
            ),
            models.CheckConstraint(
                name="payment_captured_at_most_asked",
                condition=Q(amount_captured__lte=F("amount")),
            ),
            # Limits what we ask for. What a provider did anyway is in amount_refunded, unlimited.
            models.CheckConstraint(
                name="payment_refunds_within_captured",
                condition=Q(amount_refund_held__gte=0)
                & Q(amount_refund_held__lte=F("amount_captured")),
            ),
            # Live refunds beyond what was captured: first everything captured is held.
            models.CheckConstraint(
                name="payment_overdrawn_beyond_captured",
                condition=Q(amount_overdrawn=0)
                | Q(amount_overdrawn__gt=0, amount_refund_held=F("amount_captured")),
            ),
            models.CheckConstraint(
                name="payment_refunded_not_negative", condition=Q(amount_refunded__gte=0)
            ),
            models.CheckConstraint(
                name="payment_refunded_means_fully",
                condition=~Q(status=Status.REFUNDED) | Q(amount_refunded__gte=F("amount_captured")),
            ),
            models.CheckConstraint(
                name="payment_failure_iff_failed",
                condition=Q(status=Status.FAILED) ^ Q(failure_code=""),
            ),
            models.CheckConstraint(
                name="payment_review_has_reason",
                condition=Q(needs_review=False) | ~Q(review_reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"


class Refund(models.Model):
    """Money sent back for a payment."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    mode = models.TextField(choices=Mode.choices)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.TextField(choices=RefundStatus.choices, default=RefundStatus.PENDING)
    reason = models.TextField(default="")
    is_rest = models.BooleanField(default=False)  # asked without an amount
    failure_code = models.TextField(default="")
    failure_message = models.TextField(default="")
    outcome_unknown_since = models.DateTimeField(null=True)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    xid = XidField()

    class Meta:
        constraints: ClassVar = [
            one_of("mode", Mode, "refund_mode_known"),
            one_of("status", RefundStatus, "refund_status_known"),
            _amount_check("refund_amount_in_bounds"),
            models.UniqueConstraint(
                # Only what we ask for: one that had failed may still turn out to have succeeded.
                name="refund_of_the_rest_once",
                fields=["payment"],
                condition=Q(is_rest=True, status=RefundStatus.PENDING),
            ),
            models.CheckConstraint(
                name="refund_failure_iff_failed",
                condition=Q(status=RefundStatus.FAILED) ^ Q(failure_code=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"


class OperationKind(models.TextChoices):
    """What a provider is asked to carry out."""

    CHARGE = "charge"
    REFUND = "refund"


class Operation(models.Model):
    """One charge or refund to be carried out once; owner of the key sent to the provider."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="operations")
    refund = models.OneToOneField(
        Refund, on_delete=models.PROTECT, null=True, related_name="operation"
    )
    kind = models.TextField(choices=OperationKind.choices)
    gateway = models.TextField()
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.TextField(choices=OperationState.choices, default=OperationState.OPEN)
    provider_id = models.TextField(default="")
    first_sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)
    recheck_at = models.DateTimeField(null=True)  # when a failed one is looked up once more

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["recheck_at"],
                name="operation_to_recheck",
                condition=Q(recheck_at__isnull=False),
            ),
        ]
        constraints: ClassVar = [
            one_of("kind", OperationKind, "operation_kind_known"),
            one_of("state", OperationState, "operation_state_known"),
            _amount_check("operation_amount_in_bounds"),
            models.UniqueConstraint(
                name="operation_one_charge_per_payment",
                fields=["payment"],
                condition=Q(kind=OperationKind.CHARGE),
            ),
            models.CheckConstraint(
                name="operation_refund_iff_refund",
                condition=Q(kind=OperationKind.REFUND, refund__isnull=False)
                | Q(kind=OperationKind.CHARGE, refund__isnull=True),
            ),
            models.CheckConstraint(
                name="operation_rechecked_only_if_failed",
                condition=Q(recheck_at__isnull=True) | Q(state=OperationState.FAILED),
            ),
            models.CheckConstraint(
                name="operation_settled_iff_not_open",
                condition=Q(state=OperationState.OPEN) ^ Q(settled_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


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
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="attempts")
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
    """What a provider told us unasked about an operation: a fact, append-only."""

    id = models.UUIDField(primary_key=True, editable=False)  # the provider event's
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="notices")
    outcome = models.TextField()
    provider_id = models.TextField(default="")
    amount = models.BigIntegerField(null=True)
    currency = models.TextField(default="")
    code = models.TextField(default="")
    detail = models.TextField(default="")
    recorded_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.outcome} {self.id}"


class StatusChange(models.Model):
    """One step in the life of a payment or refund, with its cause; append-only."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="history")
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, null=True, related_name="history")
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
        indexes: ClassVar = [models.Index(fields=["aggregate_id"], name="event_by_aggregate")]
        constraints: ClassVar = [one_of("mode", Mode, "event_mode_known")]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
