"""The merchant's doors: a write is serializer → one operation."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet, ViewSet

from core import idempotency
from core.auth import KeyChanged, principal_of, renew
from core.db import transaction
from core.errors import Problem
from core.kill_points import reached
from core.logging import bind, current
from core.viewsets import Door
from gateways import registry
from ledger import books
from outbox.waking import wake
from payments import canceling, holds, refunding
from payments.creation import create_payment
from payments.listing import PaymentPages
from payments.models import Payment
from payments.openapi import ERRORS, IDEMPOTENCY_KEY, OPTIONAL_IDEMPOTENCY_KEY
from payments.reading import PaymentReads
from payments.refund_api import refunded
from payments.representation import payment_dict, to_json
from payments.serializers import (
    BalancesRead,
    CancelWrite,
    CaptureWrite,
    PaymentRead,
    PaymentWrite,
    RefundRead,
    RefundWrite,
)
from payments.states import CaptureMethod


class PaymentViewSet(Door, PaymentReads, ModelViewSet[Payment]):
    """Create, read and refund payments."""

    http_method_names = ["get", "post", "head", "options"]  # noqa: RUF012 - Django's declaration
    queryset = Payment.objects.all()
    pagination_class = PaymentPages
    lookup_value_converter = "uuid"
    key_checked_in_statement: ClassVar = {"create"}
    scopes: ClassVar = {
        "list": "payments:read",
        "retrieve": "payments:read",
        "create": "payments:write",
        "capture": "payments:write",
        "cancel": "payments:write",
        "refund": "refunds:write",
        "timeline": "payments:read",
    }

    def get_queryset(self) -> QuerySet[Payment]:
        """Return the payments of this merchant and mode; others do not exist."""
        principal = principal_of(self.request)
        return Payment.objects.filter(merchant_id=principal.merchant_id, mode=principal.mode)

    def get_serializer_class(self) -> Any:
        """Return what this action writes, or else what it reads."""
        written = {
            "create": PaymentWrite,
            "capture": CaptureWrite,
            "cancel": CancelWrite,
            "refund": RefundWrite,
        }
        return written.get(self.action, PaymentRead)

    @extend_schema(
        request=PaymentWrite, responses={201: PaymentRead, **ERRORS}, parameters=[IDEMPOTENCY_KEY]
    )
    def create(  # type: ignore[override]  # answered in stored bytes, past the renderers
        self, request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Accept a payment; it is charged after this answers."""
        if not registry.is_configured(principal_of(request).default_gateway):
            self._renew(request)
        try:
            answer, work = _created(request)
        except KeyChanged:
            self._renew(request)
            answer, work = _created(request)
        if work:
            wake(work)
        reached("web.before_answer")
        return answer

    def _renew(self, request: Request) -> None:
        renew(request)
        self.check_permissions(request)

    @extend_schema(
        request=CaptureWrite,
        responses={202: PaymentRead, **ERRORS},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def capture(self, request: Request, pk: UUID) -> HttpResponse:
        """Capture what a payment has authorized, or a part of it, once; it happens after this."""
        asked = {"amount": None, **CaptureWrite.checked(request.data)}

        def make(payment: Payment) -> tuple[idempotency.Answer, str]:
            work = holds.ask_capture(payment, **asked, trace=current("request_id"))
            return shown(payment, 202), work

        return _changed(request, pk, make)

    @extend_schema(
        request=CancelWrite,
        responses={200: PaymentRead, 202: PaymentRead, **ERRORS},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> HttpResponse:
        """Cancel a payment: at once if nothing was sent (200), else the provider is asked (202)."""
        CancelWrite.checked(request.data)

        def make(payment: Payment) -> tuple[idempotency.Answer, str]:
            asked = canceling.ask_cancel(payment, trace=current("request_id"))
            if asked.refusal:
                return idempotency.refusal(asked.refusal, current("request_id")), ""
            return shown(asked.payment, 202 if asked.lane else 200), asked.lane

        return _changed(request, pk, make)

    @extend_schema(
        request=RefundWrite,
        responses={201: RefundRead, 200: RefundRead, **ERRORS},
        parameters=[OPTIONAL_IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def refund(self, request: Request, pk: UUID) -> HttpResponse:
        """Refund a payment: a part under an Idempotency-Key, or all that is left."""
        return refunded(request, pk)


def shown(payment: Payment, status: int) -> idempotency.Answer:
    """Return the payment as an answer."""
    location = f"/api/payments/{payment.id}/"
    return idempotency.Answer(status, to_json(payment_dict(payment)), location, payment.id)


def _changed(
    request: Request, pk: UUID, make: Callable[[Payment], tuple[idempotency.Answer, str]]
) -> HttpResponse:
    """Change a payment under its lock and the request's key, and wake who has work now."""
    bind(payment_id=str(pk))
    work: list[str] = []

    def under_lock() -> idempotency.Answer:
        answer, lane_of_work = make(refunding.lock_payment(principal_of(request), pk))
        work.append(lane_of_work)
        return answer

    claim = idempotency.claim(request, principal_of(request), request.data)
    with transaction():
        response = idempotency.once(claim, under_lock, current("request_id"))
    reached("web.after_hold_commit")
    if any(work):
        wake(work[0])
    reached("web.before_answer")
    return response


def _created(request: Request) -> tuple[HttpResponse, str]:
    """Create what is asked, as the key is known; return the answer and the lane that has work."""
    principal = principal_of(request)
    claim = idempotency.claim(request, principal, request.data)
    asked = {"gateway": principal.default_gateway, **PaymentWrite.checked(request.data)}
    if not registry.is_configured(asked["gateway"]):
        return _answered_before(claim), ""
    _refuse_what_it_cannot(asked)
    return create_payment(claim, key_digest=str(request.auth), trace=current("request_id"), **asked)


def _refuse_what_it_cannot(asked: dict[str, Any]) -> None:
    """Refuse a capture method that the gateway does not have.

    :raises ValidationError: if so
    """
    is_manual = asked.get("capture_method") == CaptureMethod.MANUAL
    if is_manual and not registry.get(asked["gateway"]).capabilities.captures:
        detail = f"{asked['gateway']} cannot hold money; leave this out, or name another gateway."
        raise ValidationError({"capture_method": [ErrorDetail(detail, code="value-invalid")]})


def _answered_before(claim: idempotency.Claim) -> HttpResponse:
    """Replay what can no longer be accepted.

    :raises Problem: ``gateway-unavailable`` if it never was
    """
    replayed = idempotency.stored(claim)
    if replayed is None:
        detail = "Your default gateway is not in service; name another one as `gateway`."
        raise Problem("gateway-unavailable", detail)
    return replayed


class BalanceViewSet(ViewSet):
    """Read what we owe the merchant."""

    scopes: ClassVar = {"list": "balance:read"}

    @extend_schema(responses={200: BalancesRead, **ERRORS}, operation_id="balance_retrieve")
    def list(self, request: Request) -> Response:
        """Return a pending and an available amount for each currency."""
        principal = principal_of(request)
        found = books.balances(principal.merchant_id, principal.mode)
        return Response(BalancesRead({"balances": found}).data)
