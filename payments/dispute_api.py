"""The merchants' door to disputes: they are read here, and decided elsewhere."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from core.auth import principal_of
from core.pagination import NewestFirst, bad_parameter
from payments.models import Dispute
from payments.openapi import ERRORS
from payments.serializers import DisputeRead
from payments.states import DisputeStatus

_PAYMENT = OpenApiParameter("payment", UUID, description="Only disputes of this payment.")
_STATUS = OpenApiParameter(
    "status", str, enum=DisputeStatus.values, description="Only disputes that stand like this."
)


class DisputePages(NewestFirst):
    """Pages of disputes, by payment or status; the view narrows the list."""

    filters = frozenset({"payment", "status"})


class DisputeViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Dispute]):
    """Read disputes."""

    queryset = Dispute.objects.all()
    serializer_class = DisputeRead
    pagination_class = DisputePages
    lookup_value_converter = "uuid"
    scopes: ClassVar = {"list": "payments:read", "retrieve": "payments:read"}

    def get_queryset(self) -> QuerySet[Dispute]:
        """Return the disputes of this merchant and mode; others do not exist."""
        principal = principal_of(self.request)
        return Dispute.objects.filter(merchant_id=principal.merchant_id, mode=principal.mode)

    def scope_of_list(self) -> dict[str, Any]:
        """Return whose disputes a list is of."""
        principal = principal_of(self.request)
        return {"merchant_id": principal.merchant_id, "mode": principal.mode}

    @extend_schema(
        responses={200: DisputeRead(many=True), **ERRORS}, parameters=[_PAYMENT, _STATUS]
    )
    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Return disputes, the newest first."""
        return super().list(request, *args, **kwargs)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow a list to what is asked for.

        :raises Problem: ``validation-error`` for a bad value
        """
        given = self.request.query_params
        if self.action == "list" and "payment" in given:
            queryset = queryset.filter(payment_id=_payment_id(given["payment"]))
        if self.action == "list" and "status" in given:
            queryset = queryset.filter(status=_status(given["status"]))
        return queryset


def _payment_id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise bad_parameter("payment", "invalid", "Must be the id of a payment.") from None


def _status(given: str) -> str:
    if given not in DisputeStatus.values:
        raise bad_parameter(
            "status", "invalid", f"Must be one of {', '.join(DisputeStatus.values)}."
        )
    return given
