"""What merchants were told: bodies, deliveries of them to endpoints, and each attempt.

All of it is kept. A body is written once; an attempt gets its answer, once.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from core.ids import uuid7
from core.models import Mode, one_of
from core.newest import chosen, newest
from core.schema import XidField
from webhooks.receivers import Endpoint


class Body(models.Model):
    """The bytes that tell of one event, rendered once: every try to every endpoint sends these.

    ``number`` is the event's in its merchant's feed; a test event has none.
    """

    id = models.UUIDField(primary_key=True, editable=False)  # the event's
    merchant_id = models.UUIDField()
    mode = models.TextField(choices=Mode.choices)
    number = models.BigIntegerField(null=True)
    type = models.TextField()
    content = models.TextField()  # as sent, in UTF-8
    created_at = models.DateTimeField(db_default=Now())
    xid = XidField()

    class Meta:
        default_permissions: ClassVar = []
        constraints: ClassVar = [
            one_of("mode", Mode, "body_mode_known"),
            models.UniqueConstraint(
                name="body_number_once",
                fields=["merchant_id", "mode", "number"],
                condition=Q(number__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class DeliveryStatus(models.TextChoices):
    """What became of a delivery; whatever it was, it can be sent again."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the last try of its schedule failed
    CANCELED = "canceled"  # its endpoint was disabled or deleted


class Delivery(models.Model):
    """One event on its way to one endpoint. Its message in the outbox knows when the next try is.

    ``tries`` counts those of the present schedule; sending again begins a new one. A merchant
    waits for the next try if ``is_asked``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    body = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="+", db_column="event_id")
    status = models.TextField(choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    reason = models.TextField(default="")  # of what failed or was canceled
    tries = models.SmallIntegerField(default=0)
    is_asked = models.BooleanField(default=False, db_default=False)
    next_attempt_at = models.DateTimeField(null=True)
    # What the last try met is not shown before (``webhooks.rendering.attempt_dict``).
    hidden_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    xid = XidField()

    class Meta:
        verbose_name_plural = "deliveries"
        default_permissions: ClassVar = ["view"]
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "id"], name="delivery_newest_first"),
            models.Index(
                fields=["id"],
                name="delivery_pending",
                condition=Q(status=DeliveryStatus.PENDING),
            ),
        ]
        constraints: ClassVar = [
            one_of("status", DeliveryStatus, "delivery_status_known"),
            models.UniqueConstraint(name="delivery_once", fields=["endpoint", "body"]),
            models.CheckConstraint(
                name="delivery_finished_iff_over",
                condition=Q(status=DeliveryStatus.PENDING) ^ Q(finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="delivery_reason_iff_unsuccessful",
                condition=Q(status__in=[DeliveryStatus.FAILED, DeliveryStatus.CANCELED])
                ^ Q(reason=""),
            ),
            models.CheckConstraint(name="delivery_tries_counted", condition=Q(tries__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"


class Result(models.TextChoices):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"  # 2xx, nothing else
    REFUSED = "refused"  # another status
    NO_ANSWER = "no_answer"  # no connection, no whole answer, or not in time
    FORBIDDEN = "forbidden"  # its address may not be sent to


class DeliveryAttempt(models.Model):
    """One try: intended before the socket opens, answered after. What was heard is a fact."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    delivery = models.ForeignKey(
        Delivery, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    message_id = models.UUIDField()
    epoch = models.IntegerField()
    intended_at = models.DateTimeField(db_default=Now())
    answered_at = models.DateTimeField(null=True)
    result = models.TextField(default="")
    status_code = models.SmallIntegerField(null=True)
    milliseconds = models.IntegerField(null=True)
    detail = models.TextField(default="")  # for operators, as the next one
    excerpt = models.TextField(default="")

    class Meta:
        default_permissions: ClassVar = ["view"]
        indexes: ClassVar = [
            models.Index(fields=["delivery", "id"], name="delivery_attempt_newest_first"),
        ]
        constraints: ClassVar = [
            # Not the delivery first, or the planner takes this for the newest of each.
            models.UniqueConstraint(
                name="delivery_attempt_once_per_start",
                fields=["message_id", "epoch", "delivery"],
            ),
            models.CheckConstraint(
                name="delivery_attempt_result_known",
                condition=Q(result__in=["", *Result.values]),
            ),
            models.CheckConstraint(
                name="delivery_attempt_result_iff_answered",
                condition=Q(answered_at__isnull=True) ^ ~Q(result=""),
            ),
            models.CheckConstraint(
                name="delivery_attempt_success_is_2xx",
                condition=~Q(result=Result.SUCCEEDED)
                | Q(status_code__gte=200, status_code__lt=300),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.result or 'unanswered'}"


# Twice as many as a schedule has.
ATTEMPTS_SHOWN = 20
NEWEST_ATTEMPTS = newest("webhooks_deliveryattempt", "delivery_id")


def newest_attempts(deliveries: list[UUID]) -> models.QuerySet[DeliveryAttempt]:
    """Return the last attempts of each of these, however many there were."""
    shown = chosen(NEWEST_ATTEMPTS, deliveries, ATTEMPTS_SHOWN)
    return DeliveryAttempt.objects.filter(id__in=shown)


def beginnings(attempts: Iterable[UUID]) -> dict[UUID, datetime]:
    """Return when each of these attempts began."""
    found = DeliveryAttempt.objects.filter(id__in=attempts)
    return dict(found.values_list("id", "intended_at"))


def first_try(delivery: Delivery) -> datetime:
    """Return when the present schedule of a delivery began, which has tries."""
    tried = DeliveryAttempt.objects.filter(delivery=delivery).order_by("-id")
    return list(tried.values_list("intended_at", flat=True)[: delivery.tries])[-1]
