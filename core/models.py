"""Merchants, their API keys, and what they were already answered."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from core.audit import AuditEntry
from core.ids import uuid7
from core.schema import XidField

__all__ = [
    "ApiKey",
    "AuditEntry",
    "IdempotencyRecord",
    "Merchant",
    "MerchantStatus",
    "Mode",
    "one_of",
]


class Mode(models.TextChoices):
    """Test money and live money never meet: every row that belongs to a merchant says which."""

    TEST = "test"
    LIVE = "live"


class MerchantStatus(models.TextChoices):
    """Only an active merchant is let in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


def one_of(field: str, choices: type[models.TextChoices], name: str) -> models.CheckConstraint:
    """Build the CHECK that repeats a choice field in the database."""
    return models.CheckConstraint(
        name=name, condition=models.Q(**{f"{field}__in": list(choices.values)})
    )


class Merchant(models.Model):
    """Who is paid."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    status = models.TextField(choices=MerchantStatus.choices, default=MerchantStatus.ACTIVE)
    default_gateway = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        default_permissions: ClassVar = ["add", "change", "view"]
        permissions: ClassVar = [
            ("suspend_merchant", "Can suspend a merchant"),
            ("reactivate_merchant", "Can let a suspended merchant in again"),
            ("close_merchant", "Can close a merchant for good"),
        ]
        constraints: ClassVar = [one_of("status", MerchantStatus, "merchant_status_known")]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A merchant's credential. Only the SHA-256 of the whole key is kept, so any format works."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="api_keys")
    mode = models.TextField(choices=Mode.choices)
    name = models.CharField(max_length=100, blank=True)
    secret_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        default_permissions: ClassVar = ["view"]
        permissions: ClassVar = [
            ("issue_apikey", "Can issue an API key"),
            ("revoke_apikey", "Can revoke an API key"),
        ]
        constraints: ClassVar = [one_of("mode", Mode, "api_key_mode_known")]

    def __str__(self) -> str:
        return f"{self.mode} key …{self.last_four}"


class IdempotencyRecord(models.Model):
    """An answer that was given, kept with the effects it reports (ADR 0002).

    The body is stored as sent, so that a replay is the same bytes. The request is stored as a
    fingerprint only.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    mode = models.TextField(choices=Mode.choices)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    resource_id = models.UUIDField(null=True)
    status = models.PositiveSmallIntegerField()
    location = models.TextField(default="")
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    xid = XidField()

    class Meta:
        default_permissions: ClassVar = ["view"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["merchant", "mode", "key"], name="idempotency_key_once"
            ),
            one_of("mode", Mode, "idempotency_mode_known"),
            models.CheckConstraint(
                name="idempotency_never_5xx",
                condition=models.Q(status__gte=200, status__lt=500),
            ),
        ]

    def __str__(self) -> str:
        return self.key
