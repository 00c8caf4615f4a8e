"""How merchants read payments: in lists and one by one, with what belongs to them if they ask."""

from typing import Any, ClassVar, Protocol
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.fields import SkipField
from rest_framework.request import Request
from rest_framework.response import Response

from core.auth import principal_of
from core.pagination import given_once
from payments import expanding, happenings
from payments.models import AttemptKind, OperationKind, Payment
from payments.openapi import ERRORS
from payments.serializers import PaymentRead, RefundRead, TimelineRead
from payments.timeline import as_dict

EXPAND = OpenApiParameter(
    "expand",
    str,
    description=f"Show these, too: {', '.join(expanding.EXPANSIONS)}; with commas between them.",
)


class RefundsRead(serializers.Serializer[Any]):
    """The newest refunds of a payment, and the cursor of the rest in its list of refunds."""

    results = RefundRead(many=True)
    next = serializers.CharField(allow_null=True)


class AttemptRead(serializers.Serializer[Any]):
    """The last call to the provider; `outcome` is null until it is answered."""

    id = serializers.UUIDField()
    operation = serializers.ChoiceField(choices=OperationKind.choices)
    refund = serializers.UUIDField(allow_null=True, help_text="The refund that it carried out.")
    kind = serializers.ChoiceField(
        choices=AttemptKind.choices, help_text="`send` may move money, `ask` only looks."
    )
    outcome = serializers.CharField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)


class _Expanded(serializers.Field[Any, Any, Any, Any]):
    """What was asked for by name; left out where it was not."""

    def get_attribute(self, instance: Payment) -> Any:
        wanted = self.context["expanded"]
        if self.field_name not in wanted:
            raise SkipField
        return wanted[self.field_name][instance.id]

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(RefundsRead)
class _Refunds(_Expanded):
    pass


@extend_schema_field(AttemptRead(allow_null=True))
class _LatestAttempt(_Expanded):
    pass


class PaymentExpanded(PaymentRead):
    """A payment and what `expand` names; amounts in minor units."""

    refunds = _Refunds(required=False)
    latest_attempt = _LatestAttempt(required=False)

    class Meta(PaymentRead.Meta):
        fields: ClassVar = [*PaymentRead.Meta.fields, *expanding.EXPANSIONS]
        read_only_fields = fields


class _View(Protocol):
    """What the reads need of the view that they are part of."""

    request: Request

    def get_object(self) -> Payment: ...
    def paginate_queryset(self, queryset: Any) -> Any: ...
    def get_paginated_response(self, data: Any) -> Response: ...


class PaymentReads:
    """The reads of the payments' view."""

    def scope_of_list(self: _View) -> dict[str, Any]:
        """Return whose payments a list is of."""
        principal = principal_of(self.request)
        return {"merchant_id": principal.merchant_id, "mode": principal.mode}

    @extend_schema(responses={200: PaymentExpanded(many=True), **ERRORS}, parameters=[EXPAND])
    def list(self: _View, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a page of payments, newest first; it may be short before the list ends."""
        expanding.names(request)
        page = self.paginate_queryset(Payment.objects.all())
        return self.get_paginated_response(_shown(request, page))

    @extend_schema(responses={200: PaymentExpanded, **ERRORS}, parameters=[EXPAND])
    def retrieve(self: _View, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a payment."""
        given_once(request, frozenset({"expand"}))
        expanding.names(request)
        (payment,) = _shown(request, [self.get_object()])
        return Response(payment)

    @extend_schema(responses={200: TimelineRead, **ERRORS}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def timeline(self: _View, request: Request, pk: UUID) -> Response:
        """Return everything that happened to a payment, in causal order."""
        found = happenings.timeline(self.get_object())
        entries = [as_dict(entry) for entry in found.entries]
        return Response({"results": entries, "truncated": found.is_cut})


def _shown(request: Request, payments: list[Payment]) -> Any:
    context = {"expanded": expanding.expanded(request, payments)}
    return PaymentExpanded(payments, many=True, context=context).data
