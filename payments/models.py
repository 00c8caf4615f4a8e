"""Payments, refunds and the operations that carry them out; ``payments.trail`` is their past.

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
from payments.trail import (
    Attempt,
    AttemptKind,
    Event,
    EventNumber,
    Notice,
    Seen,
    StatusChange,
)

__all__ = [
    "Attempt",
    "AttemptKind",
    "Event",
    "EventNumber",
    "Notice",
    "Operation",
    "OperationKind",
    "Origin",
    "Payment",
    "Refund",
    "Seen",
    "StatusChange",
]


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
        permissions: ClassVar = [
            ("inquire_payment", "Can have the provider asked now"),
            ("end_review", "Can end a review"),
        ]
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


class Origin(models.TextChoices):
    """Who wanted a refund: a merchant who asked us, or somebody at the provider's own page."""

    MERCHANT = "merchant"
    PROVIDER = "provider"


class Operation(models.Model):
    """One charge or refund to be carried out once; owner of the key sent to the provider.

    A refund that the provider made by itself has one, too: for the facts, nothing is ever sent.
    """

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
    # The provider's id of a refund that nobody asked us for. Beside `provider_id`, which is learned
    # as an operation settles: an index over that one would slow every settling.
    unasked_id = models.TextField(default="", db_default="")
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
            models.UniqueConstraint(
                # However often, and in whatever words, a provider tells of it.
                name="operation_unasked_once",
                fields=["gateway", "unasked_id"],
                condition=~Q(unasked_id=""),
            ),
            models.CheckConstraint(
                name="operation_unasked_never_sent",
                condition=Q(unasked_id="")
                | Q(
                    kind=OperationKind.REFUND,
                    first_sent_at__isnull=True,
                    provider_id=F("unasked_id"),
                ),
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

    @property
    def origin(self) -> Origin:
        """Who wanted it."""
        return Origin.PROVIDER if self.unasked_id else Origin.MERCHANT
