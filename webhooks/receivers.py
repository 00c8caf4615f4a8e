"""Where merchants want to be told: their endpoints, and the secrets we sign with.

``webhooks/migrations/0008_*`` adds the triggers: whose an endpoint is never changes, and one that
was deleted stays so.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from core.ids import uuid7
from core.models import Merchant, Mode, one_of
from core.schema import XidField

# For each merchant and mode; the database has as many places.
ENDPOINTS_MAX = 16
URL_LENGTH_MAX = 2048


class EndpointStatus(models.TextChoices):
    """Whether anything is sent."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledBy(models.TextChoices):
    """Why nothing is sent to an endpoint any more."""

    MERCHANT = "merchant"
    OPERATOR = "operator"
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # nothing but failures for too long


class Endpoint(models.Model):
    """An address of a merchant's, and which events it wants (``*`` is all of them).

    ``place`` is what bounds how many a merchant may have. ``failures`` counts since the last
    success, ``failing_since`` is when the first of them was, ``failed_at`` when we heard of the
    last. After many, or when it asked for patience, nothing is sent before ``probe_at``. One that
    let us wait is slow for us until ``slow_until``, at the least.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    mode = models.TextField(choices=Mode.choices)
    place = models.SmallIntegerField()
    url = models.TextField()
    events = models.JSONField(default=list)
    description = models.TextField(default="")
    status = models.TextField(choices=EndpointStatus.choices, default=EndpointStatus.ENABLED)
    disabled_by = models.TextField(choices=DisabledBy.choices, default="")
    disabled_detail = models.TextField(default="")  # for operators
    disabled_at = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    probe_at = models.DateTimeField(null=True)
    is_slow = models.BooleanField(default=False)
    slow_until = models.DateTimeField(null=True)
    version = models.IntegerField(default=1)  # counts changes of status
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)
    xid = XidField()

    class Meta:
        default_permissions: ClassVar = ["view"]
        permissions: ClassVar = [
            ("disable_endpoint", "Can stop what is sent to an endpoint"),
            ("enable_endpoint", "Can have an endpoint sent to again"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["merchant", "mode", "id"], name="endpoint_newest_first"),
            models.Index(
                fields=["id"],
                name="endpoint_disabled",
                condition=Q(status=EndpointStatus.DISABLED, deleted_at__isnull=True),
            ),
        ]
        constraints: ClassVar = [
            one_of("mode", Mode, "endpoint_mode_known"),
            one_of("status", EndpointStatus, "endpoint_status_known"),
            models.UniqueConstraint(
                name="endpoint_place_once",
                fields=["merchant", "mode", "place"],
                condition=Q(deleted_at__isnull=True),
            ),
            models.CheckConstraint(
                name="endpoint_places_bounded",
                condition=Q(place__gte=1) & Q(place__lte=ENDPOINTS_MAX),
            ),
            models.CheckConstraint(
                name="endpoint_disabled_for_a_reason",
                condition=Q(
                    status=EndpointStatus.DISABLED,
                    disabled_at__isnull=False,
                    disabled_by__in=list(DisabledBy.values),
                )
                | Q(status=EndpointStatus.ENABLED, disabled_at__isnull=True, disabled_by=""),
            ),
            models.CheckConstraint(
                name="endpoint_failing_iff_failures",
                condition=Q(failures=0, failing_since__isnull=True)
                | Q(failures__gte=1, failing_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mode} endpoint {self.id}"

    @property
    def is_open(self) -> bool:
        """Tell whether anything is sent to it."""
        return self.status == EndpointStatus.ENABLED and self.deleted_at is None


class EndpointSecret(models.Model):
    """A secret of an endpoint, sealed (``webhooks.sealing``); the one without an end is current."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="secrets")
    key_id = models.TextField()
    sealed = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions: ClassVar = []
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="endpoint_secret_one_current",
                fields=["endpoint"],
                condition=Q(expires_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"secret of {self.endpoint_id}"
