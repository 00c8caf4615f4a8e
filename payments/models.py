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
from core.schema import XidField
from payments.disputes import Dispute, DisputeFact
from payments.operations import Operation, OperationKind, Origin, amount_within_bounds
from payments.states import CaptureMethod, RefundStatus, Status
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
    "Dispute",
    "DisputeFact",
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
    capture_method = models.TextField(
        choices=CaptureMethod.choices,
        default=CaptureMethod.AUTOMATIC,
        db_default=CaptureMethod.AUTOMATIC,
    )
    payment_method = models.TextField(default="")
    return_url = models.TextField(default="")
    reference = models.TextField(default="")
    description = models.TextField(default="")
    metadata = models.JSONField(default=dict)
    next_action_url = models.TextField(default="", db_default="")  # where the payer has to go
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
            models.Index(fields=["merchant", "mode", "id"], name="payment_of_merchant"),
            models.Index(
                fields=["id"], name="payment_needs_review", condition=Q(needs_review=True)
            ),
        ]
        constraints: ClassVar = [
            one_of("mode", Mode, "payment_mode_known"),
            one_of("status", Status, "payment_status_known"),
            models.UniqueConstraint(
                name="payment_reference_once",
                fields=["merchant", "mode", "reference"],
                condition=~Q(reference=""),
            ),
            one_of("capture_method", CaptureMethod, "payment_capture_method_known"),
            amount_within_bounds("payment_amount_in_bounds"),
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
                name="payment_action_iff_required",
                condition=Q(next_action_url="") ^ Q(status=Status.REQUIRES_ACTION),
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
    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="refunds", db_index=False
    )
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
        indexes: ClassVar = [models.Index(fields=["payment", "id"], name="refund_of_payment")]
        constraints: ClassVar = [
            one_of("mode", Mode, "refund_mode_known"),
            one_of("status", RefundStatus, "refund_status_known"),
            amount_within_bounds("refund_amount_in_bounds"),
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
