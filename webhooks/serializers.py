"""What merchants write and read of endpoints and deliveries."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from core.fields import StrictChoice, StrictInteger, StrictSerializer, StrictString
from payments.events import TYPES
from webhooks.fanout import ALL_EVENTS
from webhooks.models import DeliveryStatus, DisabledBy, EndpointStatus
from webhooks.receivers import URL_LENGTH_MAX

DESCRIPTION_LENGTH_MAX = 500
EVENTS_MAX = 100
OVERLAP_HOURS_DEFAULT, OVERLAP_HOURS_MAX = 24, 7 * 24
NUMBER_MAX = 2**63 - 1


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": EVENTS_MAX,
        "items": {"type": "string", "enum": [ALL_EVENTS, *TYPES]},
        "example": ["payment.succeeded", "refund.succeeded"],
    }
)
class EventTypes(serializers.Field):  # type: ignore[type-arg]  # generic in the stubs only
    """The types of events that an endpoint wants; ``*`` is all, also those that come later."""

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not all(isinstance(one, str) for one in data):
            raise ValidationError("Must be an array of strings.", code="wrong-type")
        if not 1 <= len(data) <= EVENTS_MAX:
            message = f"Must name 1 to {EVENTS_MAX} types of events."
            raise ValidationError(message, code="value-invalid")
        for one in data:
            if one != ALL_EVENTS and one not in TYPES:
                message = "Must be types that there are, such as payment.succeeded, or * for all."
                raise ValidationError(message, code="value-invalid")
        return list(dict.fromkeys(data))

    def to_representation(self, value: list[str]) -> list[str]:
        return value


class _Members(StrictSerializer):
    # What it may be is decided with its addresses, in one place (``webhooks.targets``).
    url = StrictString(max_length=URL_LENGTH_MAX, help_text="https, port 443 or 8443, public.")
    events = EventTypes(required=False)
    description = StrictString(max_length=DESCRIPTION_LENGTH_MAX, required=False, multiline=True)


class EndpointWrite(_Members):
    """An endpoint to make."""


class EndpointChange(_Members):
    """What to change of an endpoint; ``status`` disables it, or enables it again."""

    url = StrictString(max_length=URL_LENGTH_MAX, required=False)
    status = StrictChoice(choices=EndpointStatus.choices, required=False)


class RotationWrite(StrictSerializer):
    """How long the secrets that were valid until now sign beside the new one; 0 ends them."""

    overlap_hours = StrictInteger(min_value=0, max_value=OVERLAP_HOURS_MAX, required=False)


class NothingWrite(StrictSerializer):
    """An empty object, or no body at all."""


class RangeWrite(StrictSerializer):
    """The events to send: those numbered above ``after``, up to and with ``until``."""

    after = StrictInteger(min_value=0, max_value=NUMBER_MAX)
    until = StrictInteger(min_value=1, max_value=NUMBER_MAX)


class EndpointRead(serializers.Serializer[Any]):
    """An endpoint."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    events = EventTypes()
    description = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=EndpointStatus.choices)
    disabled_by = serializers.ChoiceField(choices=DisabledBy.choices, allow_null=True)
    disabled_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class EndpointWithSecret(EndpointRead):
    """An endpoint with its secret, which is shown this once: a replayed answer has null."""

    secret = serializers.CharField(allow_null=True, help_text="whsec_ and base64")


class DeliveryAttemptRead(serializers.Serializer[Any]):
    """One try."""

    id = serializers.UUIDField()
    attempted_at = serializers.DateTimeField()
    result = serializers.ChoiceField(
        choices=["succeeded", "refused", "no_answer"],
        allow_null=True,
        help_text="null while it is under way",
    )
    status_code = serializers.IntegerField(allow_null=True)


class DeliveryRead(serializers.Serializer[Any]):
    """An event on its way to an endpoint."""

    id = serializers.UUIDField()
    event = serializers.CharField(help_text="the event's id, as in webhook-id")
    number = serializers.IntegerField(allow_null=True)
    type = serializers.CharField()
    status = serializers.ChoiceField(choices=DeliveryStatus.choices)
    reason = serializers.CharField(allow_null=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    attempts = DeliveryAttemptRead(many=True)


class ResentRead(serializers.Serializer[Any]):
    """How many deliveries a range was."""

    endpoint = serializers.UUIDField()
    after = serializers.IntegerField()
    until = serializers.IntegerField()
    deliveries = serializers.IntegerField()
