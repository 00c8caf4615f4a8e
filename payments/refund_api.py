"""The merchant's doors to refunds: each is asked for at its payment, and read by its own id."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from core import idempotency
from core.auth import principal_of
from core.db import transaction
from core.errors import Problem
from core.kill_points import reached
from core.logging import bind, current
from core.pagination import NewestFirst
from outbox.waking import wake
from payments import refunding
from payments.handlers import lane
from payments.models import OperationKind, Payment, Refund
from payments.openapi import ERRORS, OPTIONAL_IDEMPOTENCY_KEY
from payments.serializers import RefundRead, RefundWrite


class PaymentRefundViewSet(GenericViewSet[Refund]):
    """List the refunds of a payment, and ask for one."""

    http_method_names = ["get", "post", "head", "options"]  # noqa: RUF012 - Django's declaration
    queryset = Refund.objects.none()  # tells of its model; a list is read by its scope
    serializer_class = RefundRead
    pagination_class = NewestFirst
    scopes: ClassVar = {"list": "payments:read", "create": "refunds:write"}

    def get_serializer_class(self) -> Any:
        """Return what this action writes, or else what it reads."""
        return RefundWrite if self.action == "create" else RefundRead

    def scope_of_list(self) -> dict[str, Any]:
        """Return whose refunds a list is of."""
        return {"payment_id": self.kwargs["payment_id"]}

    @extend_schema(responses={200: RefundRead(many=True), **ERRORS})
    def list(self, request: Request, payment_id: UUID) -> Response:
        """Return the refunds of a payment, newest first."""
        principal = principal_of(request)
        mine = {"merchant_id": principal.merchant_id, "mode": principal.mode}
        if not Payment.objects.filter(id=payment_id, **mine).exists():
            raise Problem("not-found")
        page = self.paginate_queryset(Refund.objects.select_related("operation"))
        return self.get_paginated_response(RefundRead(page, many=True).data)

    @extend_schema(
        request=RefundWrite,
        responses={201: RefundRead, 200: RefundRead, **ERRORS},
        parameters=[OPTIONAL_IDEMPOTENCY_KEY],
    )
    def create(self, request: Request, payment_id: UUID) -> HttpResponse:
        """Refund a payment: a part under an Idempotency-Key, or all that is left."""
        return refunded(request, payment_id)


class RefundViewSet(RetrieveModelMixin, GenericViewSet[Refund]):
    """Read refunds."""

    queryset = Refund.objects.all()
    serializer_class = RefundRead
    lookup_value_converter = "uuid"
    scopes: ClassVar = {"retrieve": "payments:read"}

    def get_queryset(self) -> QuerySet[Refund]:
        """Return the refunds of this merchant and mode; others do not exist."""
        principal = principal_of(self.request)
        found = Refund.objects.filter(merchant_id=principal.merchant_id, mode=principal.mode)
        return found.select_related("operation")


def refunded(request: Request, pk: UUID) -> HttpResponse:
    """Refund a part of a payment, or all that is left; at either address."""
    asked = {"amount": None, "reason": "", **RefundWrite.checked(request.data)}
    bind(payment_id=str(pk))
    work: list[str] = []

    def make() -> idempotency.Answer:
        payment = refunding.lock_payment(principal_of(request), pk)
        known = refunding.refund_of_the_rest(payment) if asked["amount"] is None else None
        if known:
            return refunding.answer(known, 200)
        refund = refunding.ask_refund(payment, **asked, trace=current("request_id"))
        work.append(lane(OperationKind.REFUND, payment.gateway))
        return refunding.answer(refund, 201)

    response = _answered(request, asked["amount"], make)
    reached("web.after_refund_commit")
    if work:
        wake(work[0])
    reached("web.before_answer")
    return response


def _answered(
    request: Request, amount: int | None, make: Callable[[], idempotency.Answer]
) -> HttpResponse:
    """Execute under the request's key; a refund of the rest is its own key."""
    if amount is None and idempotency.HEADER not in request.META:
        with transaction():
            return make().response()
    claim = idempotency.claim(request, principal_of(request), request.data)
    with transaction():
        return idempotency.once(claim, make, current("request_id"))
