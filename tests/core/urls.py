"""Doors of every kind, so that what stands in front of them can be tested alone."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, NotAcceptable, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import Problem
from core.fields import (
    StrictAmount,
    StrictChoice,
    StrictCurrency,
    StrictMetadata,
    StrictSerializer,
    StrictString,
    StrictURL,
)
from core.health import healthz, readyz
from core.logging import bind, get_logger
from core.metrics import metrics
from core.problem_pages import problem_page

log = get_logger(__name__)


class Order(StrictSerializer):
    id = serializers.UUIDField(read_only=True)
    amount = StrictAmount()
    currency = StrictCurrency()
    gateway = StrictChoice(["mock", "mock_success"], required=False)
    reference = StrictString(max_length=10, required=False)
    description = StrictString(max_length=500, required=False, multiline=True)
    return_url = StrictURL(required=False)
    metadata = StrictMetadata(required=False)


class Open(APIView):
    authentication_classes = ()
    permission_classes = ()


class Orders(Open):
    serializer_class = Order

    def get(self, request: Request) -> Response:
        return Response({"origin": request.build_absolute_uri("/")})

    def post(self, request: Request) -> Response:
        body = Order(data=request.data)
        body.is_valid(raise_exception=True)
        bind(merchant_id="m-1")
        log.info("order.made", **body.validated_data)
        return Response(body.validated_data, status=201)


class Free(Open):
    """Takes any JSON, and none."""

    def post(self, request: Request) -> Response:
        return Response(
            {"data": request.data, "raw": request._request.body.decode()},
            headers={"X-Data": type(request.data).__name__},
        )


def raising(exc: Exception) -> Any:
    def view(request: HttpRequest) -> HttpResponse:
        raise exc

    return view


class Raises(Open):
    def get(self, request: Request, what: str) -> Response:
        raise {
            "throttled": Throttled(wait=6.2),
            "credentials": AuthenticationFailed("No."),
            "accept": NotAcceptable(),
            "missing": Http404(),
            "denied": PermissionDenied(),
            "database": OperationalError("server gone: postgresql://pay:hunter2@db/pay"),
            "connection": InterfaceError("connection already closed"),
            "bug": RuntimeError("SELECT secret FROM host"),
            "problem": Problem("invalid-state", "Too late.", state="FAILED"),
        }[what]


def raw(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"raw": request.body.decode(), "read": request.read().decode()})


def own_words(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<h1>Teapot</h1>", status=int(request.GET["status"]))


urlpatterns = [
    path("api/orders/", Orders.as_view()),
    path("api/orders/<str:reference>/", own_words),
    path("api/free/", Free.as_view()),
    path("api/raw/", raw),
    path("api/own-words/", own_words),
    path("api/raises/<str:what>/", Raises.as_view()),
    path("api/bug/", raising(RuntimeError("card 4111111111111111 of test_api_key"))),
    path("admin/bug/", raising(RuntimeError("for people"))),
    path("admin/own-words/", own_words),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("problems/<slug:slug>", problem_page),
]
