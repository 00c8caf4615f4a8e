"""What became of a request whose answer was lost: a merchant asks by its idempotency key."""

import json
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import idempotency
from core.auth import principal_of
from core.errors import Problem
from core.models import IdempotencyRecord
from core.viewsets import Door
from payments.openapi import ERRORS


class ResourceRead(serializers.Serializer[Any]):
    """What a request made."""

    type = serializers.CharField()
    id = serializers.UUIDField()
    url = serializers.CharField()


class AnswerRead(serializers.Serializer[Any]):
    """What a request was answered, as it was then."""

    status = serializers.IntegerField()
    body = serializers.DictField()


class KeyRead(serializers.Serializer[Any]):
    """What became of the request that came with a key."""

    status = serializers.ChoiceField(choices=["in_progress", "done"])
    resource = ResourceRead(allow_null=True)
    response = AnswerRead(allow_null=True)


class IdempotencyKeyViewSet(Door):
    """Look idempotency keys up."""

    lookup_value_converter = "str"
    scopes: ClassVar = {"retrieve": "payments:read"}

    @extend_schema(
        operation_id="idempotency_keys_retrieve",
        parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH, description="The key.")],
        responses={200: KeyRead, **ERRORS},
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return whether the request with this key is done, and what it was answered."""
        idempotency.check_key(pk)
        found = idempotency.look_up(principal_of(request), pk)
        if found is None:
            raise Problem("not-found", "No request with this key is known.")
        if isinstance(found, idempotency.InProgress):
            return Response({"status": "in_progress", "resource": None, "response": None})
        answer = {"status": found.status, "body": json.loads(found.body)}
        return Response({"status": "done", "resource": _resource(found), "response": answer})


_SINGULAR = {"deliveries": "delivery"}


def _resource(record: IdempotencyRecord) -> dict[str, str] | None:
    """Return what the request made, by its address: ``/api/payments/{id}/`` is a payment."""
    if record.resource_id is None:
        return None
    collection = record.location.strip("/").split("/")[-2]
    singular = _SINGULAR.get(collection, collection.removesuffix("s"))
    return {
        "type": singular.replace("-", "_"),
        "id": str(record.resource_id),
        "url": record.location,
    }
