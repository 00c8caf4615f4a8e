"""The merchants' door to disputes: they are read here, and decided elsewhere."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from core.auth import principal_of
from core.pagination import NewestFirst, bad_parameter, cut, ranged
from core.viewsets import Door
from payments.models import Dispute, Payment
from payments.openapi import ERRORS
from payments.serializers import DisputeRead
from payments.states import DisputeStatus

_PAYMENT = OpenApiParameter("payment", UUID, description="Only disputes of this payment.")
_STATUS = OpenApiParameter(
    "status", str, enum=DisputeStatus.values, description="Only disputes that stand like this."
)


class DisputePages(NewestFirst):
    """Pages of disputes: of all, of those that stand alike, or of a payment, which has few."""

    filters = frozenset({"payment", "status"})

    def read(
        self, queryset: Any, chosen: Mapping[str, str], *, below: UUID, limit: int
    ) -> tuple[list[Any], UUID | None]:
        """Return a page, in a range of the index over what was chosen.

        :raises Problem: ``validation-error`` for a bad value
        """
        standing = {"status": _status(chosen["status"])} if "status" in chosen else {}
        if "payment" not in chosen:
            found = ranged(queryset, {**self.scope, **standing}, below)
        else:
            payment_id = _payment_id(chosen["payment"])
            if not Payment.objects.filter(id=payment_id, **self.scope).exists():
                return [], None
            found = ranged(queryset, {"payment_id": payment_id}, below).filter(**standing)
        return cut(list(found[: limit + 1]), limit)


class DisputeViewSet(Door, RetrieveModelMixin, GenericViewSet[Dispute]):
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
    def list(self, request: Request) -> Response:
        """Return disputes, the newest first."""
        page = self.paginate_queryset(Dispute.objects.all())
        return self.get_paginated_response(DisputeRead(page, many=True).data)


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
