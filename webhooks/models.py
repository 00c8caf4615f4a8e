"""Providers' webhooks, stored before they are answered; what goes out is in its own modules.

``webhooks.receivers`` has merchants' endpoints, ``webhooks.trail`` what they were told.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from core.ids import uuid7
from webhooks.receivers import DisabledBy, Endpoint, EndpointSecret, EndpointStatus
from webhooks.trail import Body, Delivery, DeliveryAttempt, DeliveryStatus, Result

__all__ = [
    "Body",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryStatus",
    "DisabledBy",
    "Endpoint",
    "EndpointSecret",
    "EndpointStatus",
    "ProviderEvent",
    "Result",
]


class ProviderEvent(models.Model):
    """A verified webhook. What it said never changes; what became of it is written once.

    ``content_sha256`` is over the signed content, since headers outside the signature prove
    nothing about what was delivered before.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.TextField()
    content_sha256 = models.CharField(max_length=64)
    event_id = models.TextField()
    kind = models.TextField(default="")
    outcome = models.TextField(default="")
    reference = models.TextField(default="")
    charge_reference = models.TextField(default="", db_default="")  # what a refund gives back
    provider_id = models.TextField(default="")
    amount = models.BigIntegerField(null=True)
    fee = models.BigIntegerField(null=True)  # of a dispute, if it says so
    currency = models.TextField(default="")
    account = models.TextField(default="", db_default="")  # as named, if it is another one
    action_url = models.TextField(default="", db_default="")  # where the payer has to go
    code = models.TextField(default="")
    detail = models.TextField(default="")
    content = models.TextField()  # as received, with anything like a card number masked
    received_at = models.DateTimeField(db_default=Now())
    applied_at = models.DateTimeField(null=True)
    parked_at = models.DateTimeField(null=True)
    parked_reason = models.TextField(default="")
    closed_at = models.DateTimeField(null=True)  # by a person, who saw why it was parked

    class Meta:
        permissions: ClassVar = [
            ("apply_providerevent", "Can have a parked provider event applied once more"),
            ("close_providerevent", "Can close a parked provider event"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                name="provider_event_parked",
                condition=Q(parked_at__isnull=False, closed_at__isnull=True),
            ),
            models.Index(fields=["gateway", "reference"], name="provider_event_reference"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["gateway", "content_sha256"], name="provider_event_content_once"
            ),
            models.CheckConstraint(
                name="provider_event_parked_has_reason",
                condition=Q(parked_at__isnull=True) ^ ~Q(parked_reason=""),
            ),
            models.CheckConstraint(
                name="provider_event_applied_or_parked",
                condition=Q(applied_at__isnull=True) | Q(parked_at__isnull=True),
            ),
            models.CheckConstraint(
                name="provider_event_closed_was_parked",
                condition=Q(closed_at__isnull=True) | Q(parked_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.event_id}"
