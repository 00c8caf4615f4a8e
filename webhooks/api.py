"""Merchants' doors to their endpoints, and to what these were sent."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from core import idempotency
from core.auth import Principal, principal_of
from core.db import database_time, transaction
from core.errors import Problem
from core.idempotency import Answer
from core.kill_points import reached
from core.logging import bind, current
from core.pagination import NewestFirst
from core.viewsets import Door
from payments.openapi import ERRORS, IDEMPOTENCY_KEY
from webhooks import endpoints, keeping, resending
from webhooks.models import Delivery, Endpoint
from webhooks.rendering import attempt_dict, delivery_dict, endpoint_dict, to_json
from webhooks.resolving import resolve
from webhooks.serializers import (
    OVERLAP_HOURS_DEFAULT,
    DeliveryRead,
    EndpointChange,
    EndpointRead,
    EndpointWithSecret,
    EndpointWrite,
    NothingWrite,
    RangeWrite,
    ResentRead,
    RotationWrite,
)
from webhooks.sparing import sparing
from webhooks.trail import newest_attempts

READ, WRITE = "webhooks:read", "webhooks:write"


def _once(request: Request, make: Callable[[], Answer]) -> HttpResponse:
    """Execute under the request's key."""
    claim = idempotency.claim(request, principal_of(request), request.data)
    with transaction():
        response = idempotency.once(claim, make, current("request_id"))
    reached("web.before_answer")
    return response


def _objection(principal: Principal, url: str) -> Problem | None:
    return endpoints.objection(url, principal.mode, sparing(resolve, principal.merchant_id))


def _with_secret(status: int, endpoint: Endpoint, secret: str) -> Answer:
    """Return the answer that shows a secret, and is stored without it."""
    members = endpoint_dict(endpoint)
    return Answer(
        status,
        to_json({**members, "secret": None}),
        f"/api/webhook-endpoints/{endpoint.id}/",
        endpoint.id,
        shown_once=to_json({**members, "secret": secret}),
    )


class EndpointViewSet(Door, GenericViewSet[Endpoint]):
    """Say where to be told of events, and how."""

    http_method_names = ["get", "post", "patch", "delete", "head", "options"]  # noqa: RUF012 - Django's
    queryset = Endpoint.objects.all()
    serializer_class = EndpointRead
    pagination_class = NewestFirst
    lookup_value_converter = "uuid"
    scopes: ClassVar = {
        "list": READ,
        "retrieve": READ,
        **dict.fromkeys(("create", "partial_update", "destroy"), WRITE),
        **dict.fromkeys(("rotate", "send_test", "resend"), WRITE),
    }

    def get_queryset(self) -> QuerySet[Endpoint]:
        """Return the endpoints of this merchant and mode; others do not exist."""
        principal = principal_of(self.request)
        return Endpoint.objects.filter(
            merchant_id=principal.merchant_id, mode=principal.mode, deleted_at=None
        )

    def scope_of_list(self) -> dict[str, Any]:
        """Return whose endpoints a list is of."""
        principal = principal_of(self.request)
        return {"merchant_id": principal.merchant_id, "mode": principal.mode}

    def list(self, request: Request) -> Response:
        """Return the endpoints, newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response([endpoint_dict(one) for one in page or []])

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Return an endpoint."""
        return Response(endpoint_dict(self.get_object()))

    @extend_schema(
        request=EndpointWrite,
        responses={201: EndpointWithSecret, **ERRORS},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> HttpResponse:
        """Make an endpoint; its secret is shown in this answer and never again."""
        principal = principal_of(request)
        claim = idempotency.claim(request, principal, request.data)
        replayed = idempotency.stored(claim)
        if replayed is not None:
            return replayed
        asked = {"events": ["*"], "description": "", **EndpointWrite.checked(request.data)}
        objection = _objection(principal, asked["url"])

        def make() -> Answer:
            if objection:
                raise objection
            endpoint, secret = endpoints.create(principal, **asked)
            bind(endpoint_id=str(endpoint.id))
            return _with_secret(201, endpoint, secret)

        return _once(request, make)

    @extend_schema(request=EndpointChange, responses={200: EndpointRead, **ERRORS})
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change an endpoint, or disable it, or enable it again."""
        principal = principal_of(request)
        asked = EndpointChange.checked(request.data)
        self.get_object()
        if "url" in asked:
            objection = _objection(principal, asked["url"])
            if objection:
                raise objection
        with transaction():
            endpoint = endpoints.lock(principal, pk)
            endpoints.change(endpoint, asked)
        return Response(endpoint_dict(endpoint))

    @extend_schema(responses={204: None, **ERRORS})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Take an endpoint away; nothing more is sent to it."""
        with transaction():
            endpoints.delete(endpoints.lock(principal_of(request), pk))
        return Response(status=204)

    @extend_schema(
        request=RotationWrite,
        responses={201: EndpointWithSecret, **ERRORS},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: UUID) -> HttpResponse:
        """Make a new secret, shown once; the old one signs beside it for a while, or ends now."""
        asked = {"overlap_hours": OVERLAP_HOURS_DEFAULT, **RotationWrite.checked(request.data)}

        def make() -> Answer:
            endpoint = endpoints.lock(principal_of(request), pk)
            secret = keeping.rotate(endpoint, timedelta(hours=asked["overlap_hours"]))
            return _with_secret(201, endpoint, secret)

        return _once(request, make)

    @extend_schema(
        request=NothingWrite,
        responses={202: DeliveryRead, **ERRORS},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"], url_path="test")
    def send_test(self, request: Request, pk: UUID) -> HttpResponse:
        """Send an event of the type `webhook_endpoint.test` to this endpoint alone."""
        NothingWrite.checked(request.data)

        def make() -> Answer:
            endpoint = endpoints.lock(principal_of(request), pk)
            return _delivery_answer(resending.send_test(endpoint))

        return _once(request, make)

    @extend_schema(
        request=RangeWrite, responses={202: ResentRead, **ERRORS}, parameters=[IDEMPOTENCY_KEY]
    )
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: UUID) -> HttpResponse:
        """Send every event of a range of numbers, also what this endpoint was never sent."""
        asked = RangeWrite.checked(request.data)
        _check_range(**asked)

        def make() -> Answer:
            endpoint = endpoints.lock(principal_of(request), pk)
            count = resending.send_range(endpoint, **asked)
            body = {"endpoint": str(pk), **asked, "deliveries": count}
            return Answer(202, to_json(body), f"/api/webhook-endpoints/{pk}/", pk)

        return _once(request, make)


class DeliveryViewSet(Door, GenericViewSet[Delivery]):
    """See what an endpoint was sent, and have it sent again."""

    queryset = Delivery.objects.all()
    serializer_class = DeliveryRead
    pagination_class = NewestFirst
    lookup_value_converter = "uuid"
    scopes: ClassVar = {"list": READ, "retrieve": READ, "resend": WRITE}

    def get_queryset(self) -> QuerySet[Delivery]:
        """Return the deliveries to this endpoint, if it is of this merchant and mode.

        :raises Problem: ``not-found`` if it is not
        """
        principal = principal_of(self.request)
        mine = Endpoint.objects.filter(
            merchant_id=principal.merchant_id, mode=principal.mode, deleted_at=None
        )
        if not mine.filter(id=self.kwargs["endpoint_id"]).exists():
            raise Problem("not-found")
        found = Delivery.objects.filter(endpoint_id=self.kwargs["endpoint_id"])
        return found.select_related("body")

    def scope_of_list(self) -> dict[str, Any]:
        """Return whose deliveries a list is of."""
        return {"endpoint_id": self.kwargs["endpoint_id"]}

    def list(self, request: Request, endpoint_id: UUID) -> Response:
        """Return the deliveries with their last attempts, newest first."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(_shown(page))

    def retrieve(self, request: Request, endpoint_id: UUID, pk: UUID) -> Response:
        """Return a delivery with its last attempts."""
        return Response(_shown([self.get_object()])[0])

    @extend_schema(
        request=NothingWrite,
        responses={202: DeliveryRead, **ERRORS},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, endpoint_id: UUID, pk: UUID) -> HttpResponse:
        """Send a delivery again, whatever became of it: the same bytes under the same id."""
        NothingWrite.checked(request.data)

        def make() -> Answer:
            endpoint = endpoints.lock(principal_of(request), endpoint_id)
            return _delivery_answer(resending.send_again(endpoint, pk))

        return _once(request, make)


def _check_range(after: int, until: int) -> None:
    if 0 < until - after <= resending.RANGE_MAX:
        return
    detail = f"Must be above `after`, by {resending.RANGE_MAX} at the most."
    errors = [{"pointer": "/until", "code": "value-invalid", "detail": detail}]
    raise Problem("value-invalid", detail, errors=errors)


def _delivery_answer(delivery: Delivery) -> Answer:
    members = delivery_dict(delivery, database_time())
    location = f"/api/webhook-endpoints/{delivery.endpoint_id}/deliveries/{delivery.id}/"
    return Answer(202, to_json({**members, "attempts": []}), location, delivery.id)


def _shown(deliveries: list[Delivery]) -> list[dict[str, Any]]:
    now = database_time()
    attempts: dict[UUID, list[dict[str, Any]]] = {one.id: [] for one in deliveries}
    for attempt in newest_attempts(list(attempts)).order_by("id"):
        attempts[attempt.delivery_id].append(attempt_dict(attempt, now))
    return [{**delivery_dict(one, now), "attempts": attempts[one.id]} for one in deliveries]
