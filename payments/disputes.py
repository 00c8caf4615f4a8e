"""Disputes, and what providers told of them; ``payments.disputing`` writes both.

A dispute is a fold over its facts, which only ever grow. ``payments/migrations/0010_*`` adds what
Django cannot say.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from core.ids import uuid7
from core.models import Merchant, Mode, one_of
from core.money import MAX_AMOUNT
from core.schema import XidField
from gateways.disputes import DisputeSaid
from payments.states import DisputeStatus


class Dispute(models.Model):
    """Captured money that a payer's bank took back, until it is decided, or for good.

    ``fee`` is what the provider takes for the dispute itself, if it says so (minor units).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="disputes"
    )
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    mode = models.TextField(choices=Mode.choices)
    gateway = models.TextField()
    provider_id = models.TextField()
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    fee = models.BigIntegerField(null=True)
    reason = models.TextField(default="")
    status = models.TextField(choices=DisputeStatus.choices, default=DisputeStatus.OPEN)
    version = models.IntegerField(default=1)
    opened_at = models.DateTimeField(db_default=Now())  # both: when we were told
    decided_at = models.DateTimeField(null=True)
    xid = XidField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["merchant", "mode", "id"], name="dispute_of_merchant"),
            models.Index(fields=["merchant", "mode", "status", "id"], name="dispute_by_status"),
        ]
        constraints: ClassVar = [
            one_of("mode", Mode, "dispute_mode_known"),
            one_of("status", DisputeStatus, "dispute_status_known"),
            models.CheckConstraint(
                name="dispute_amount_in_bounds",
                condition=Q(amount__gte=1) & Q(amount__lte=MAX_AMOUNT),
            ),
            models.CheckConstraint(
                name="dispute_fee_in_bounds",
                condition=Q(fee__isnull=True) | Q(fee__gte=1) & Q(fee__lte=MAX_AMOUNT),
            ),
            models.UniqueConstraint(
                # However often, and in whatever words, a provider tells of it.
                name="dispute_once",
                fields=["gateway", "provider_id"],
            ),
            models.CheckConstraint(name="dispute_has_an_id", condition=~Q(provider_id="")),
            models.CheckConstraint(
                name="dispute_decided_iff_not_open",
                condition=Q(status=DisputeStatus.OPEN) ^ Q(decided_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"


class DisputeFact(models.Model):
    """What a provider told us of a dispute, by the webhook whose id it has; append-only."""

    id = models.UUIDField(primary_key=True, editable=False)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="facts")
    said = models.TextField()
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    fee = models.BigIntegerField(null=True)
    reason = models.TextField(default="")
    recorded_at = models.DateTimeField(db_default=Now())
    xid = XidField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="dispute_fact_known", condition=Q(said__in=[one.value for one in DisputeSaid])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.said} {self.id}"
