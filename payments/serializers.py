"""What merchants write and what they read. Writes are strict; reads show the public contract."""

from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers

from core.fields import (
    StrictAmount,
    StrictChoice,
    StrictCurrency,
    StrictMetadata,
    StrictSerializer,
    StrictString,
    StrictURL,
)
from payments.models import Dispute, Origin, Payment, Refund
from payments.representation import failure, next_action, timestamp
from payments.states import CaptureMethod
from payments.timeline import KINDS

TEXT_LENGTH_MAX = 255
DESCRIPTION_LENGTH_MAX = 500


class PaymentWrite(StrictSerializer):
    """A payment to create; amount in minor units."""

    amount = StrictAmount()
    currency = StrictCurrency()
    gateway = StrictChoice(choices=sorted(settings.GATEWAYS), required=False)
    capture_method = StrictChoice(
        choices=CaptureMethod.choices,
        required=False,
        help_text="`manual` only has the money held; capture it later, or cancel.",
    )
    payment_method = StrictString(
        max_length=TEXT_LENGTH_MAX,
        required=False,
        help_text="A provider's token, never card data.",
    )
    return_url = StrictURL(
        required=False,
        help_text="Where payers go who had to act at their provider; `payment` is added to its"
        " query.",
    )
    reference = StrictString(max_length=TEXT_LENGTH_MAX, required=False)
    description = StrictString(max_length=DESCRIPTION_LENGTH_MAX, required=False, multiline=True)
    metadata = StrictMetadata(required=False)
    id = serializers.UUIDField(read_only=True)
    status = serializers.CharField(read_only=True)
    amount_captured = serializers.IntegerField(read_only=True)
    amount_refunded = serializers.IntegerField(read_only=True)
    failure = serializers.JSONField(read_only=True)
    next_action = serializers.JSONField(read_only=True)
    outcome_unknown_since = serializers.DateTimeField(read_only=True)
    needs_review = serializers.BooleanField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class CaptureWrite(StrictSerializer):
    """A capture to ask for; without an amount it takes all that is authorized."""

    amount = StrictAmount(required=False)


class CancelWrite(StrictSerializer):
    """A cancellation says nothing more."""


class RefundWrite(StrictSerializer):
    """A refund to ask for; without an amount it refunds the rest."""

    amount = StrictAmount(required=False)
    reason = StrictString(max_length=TEXT_LENGTH_MAX, required=False)


class Failure(serializers.Serializer[Any]):
    """Why it failed: a stable code and a sentence."""

    code = serializers.CharField()
    message = serializers.CharField()


class Timestamp(serializers.DateTimeField):
    """RFC 3339 in UTC with microseconds."""

    def to_representation(self, value: Any) -> Any:
        return timestamp(value)


class OrNull(serializers.CharField):
    """Text that is null where it was not given."""

    def to_representation(self, value: str) -> Any:
        return value or None


class PaymentRead(serializers.ModelSerializer[Payment]):
    """A payment; amounts in minor units."""

    failure = serializers.SerializerMethodField()
    next_action = serializers.SerializerMethodField()
    payment_method = OrNull(allow_null=True)
    reference = OrNull(allow_null=True)
    description = OrNull(allow_null=True)
    metadata = StrictMetadata()
    outcome_unknown_since = Timestamp(allow_null=True)
    created_at = Timestamp()
    updated_at = Timestamp()

    class Meta:
        model = Payment
        fields: ClassVar = [
            "id",
            "status",
            "amount",
            "currency",
            "gateway",
            "capture_method",
            "amount_captured",
            "amount_refunded",
            "failure",
            "next_action",
            "outcome_unknown_since",
            "needs_review",
            "payment_method",
            "reference",
            "description",
            "metadata",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def get_failure(self, payment: Payment) -> dict[str, str] | None:
        """Return why it failed."""
        return failure(payment)

    def get_next_action(self, payment: Payment) -> dict[str, str] | None:
        """Return what the payer has to do next."""
        return next_action(payment)


class RefundRead(serializers.ModelSerializer[Refund]):
    """A refund; amount in minor units."""

    payment = serializers.UUIDField(source="payment_id")
    failure = serializers.SerializerMethodField()
    reason = OrNull(allow_null=True)
    origin = serializers.ChoiceField(
        choices=Origin.choices,
        source="operation.origin",
        read_only=True,
        help_text="`provider` is a refund that was made at the provider, without us.",
    )
    created_at = Timestamp()

    class Meta:
        model = Refund
        fields: ClassVar = [
            "id",
            "payment",
            "amount",
            "currency",
            "status",
            "failure",
            "reason",
            "origin",
            "created_at",
        ]
        read_only_fields = fields

    def get_failure(self, refund: Refund) -> dict[str, str] | None:
        """Return why it failed."""
        return failure(refund)


class DisputeRead(serializers.ModelSerializer[Dispute]):
    """A dispute; amounts in minor units."""

    payment = serializers.UUIDField(source="payment_id")
    reason = OrNull(allow_null=True, help_text="The payer's, as the provider says it.")
    fee = serializers.IntegerField(
        allow_null=True, help_text="What the provider takes for the dispute, if it says so."
    )
    opened_at = Timestamp(help_text="When the provider told of it.")
    decided_at = Timestamp(allow_null=True)

    class Meta:
        model = Dispute
        fields: ClassVar = [
            "id",
            "payment",
            "amount",
            "currency",
            "status",
            "reason",
            "fee",
            "opened_at",
            "decided_at",
        ]
        read_only_fields = fields


class BalanceRead(serializers.Serializer[Any]):
    """What a merchant has in one currency, in minor units."""

    currency = serializers.CharField()
    pending = serializers.IntegerField()
    available = serializers.IntegerField()


class BalancesRead(serializers.Serializer[Any]):
    """What a merchant has, by currency."""

    balances = BalanceRead(many=True)


class ThingRead(serializers.Serializer[Any]):
    """What something happened to."""

    type = serializers.ChoiceField(choices=["payment", "refund", "dispute", "webhook_endpoint"])
    id = serializers.UUIDField()


class EntryRead(serializers.Serializer[Any]):
    """One thing that happened; what ``facts`` has depends on its kind."""

    at = Timestamp()
    kind = serializers.ChoiceField(choices=KINDS)
    id = serializers.CharField()
    object = ThingRead()
    facts = serializers.DictField()


class TimelineRead(serializers.Serializer[Any]):
    """What happened to a payment; ``truncated`` if there is more of a kind than is told."""

    results = EntryRead(many=True)
    truncated = serializers.BooleanField()
