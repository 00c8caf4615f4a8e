"""Every error anyone gets: RFC 9457 problem details with a stable registry of types."""

import json
import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions as drf

from core.logging import get_logger

log = get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
CHALLENGE = 'ApiKey realm="api", header="X-API-KEY"'

# slug → (status, title); what each means to a caller is in docs/problems.md.
REGISTRY: dict[str, tuple[int, str]] = {
    "validation-error": (400, "The request does not have the expected form"),
    "malformed-json": (400, "The body is not acceptable JSON"),
    "invalid-header": (400, "A header is missing or malformed"),
    "idempotency-key-missing": (400, "This request needs an Idempotency-Key"),
    "idempotency-key-invalid": (400, "The Idempotency-Key is malformed"),
    "signature-invalid": (400, "The signature is missing or wrong"),
    "signature-stale": (400, "The signature's timestamp is too far from now"),
    "unauthenticated": (401, "A valid API key is required"),
    "forbidden-scope": (403, "This API key may not do that"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "This method is not allowed here"),
    "not-acceptable": (406, "No representation matches the Accept header"),
    "invalid-state": (409, "The object's state does not allow this"),
    "idempotency-in-progress": (409, "The first request with this key is still running"),
    "duplicate-reference": (409, "This reference is taken"),
    "payload-too-large": (413, "The body is too large"),
    "uri-too-long": (414, "The request target is too long"),
    "unsupported-media-type": (415, "The body must be uncompressed application/json"),
    "idempotency-key-reused": (422, "This Idempotency-Key was used for another request"),
    "value-invalid": (422, "A value is outside what is allowed"),
    "amount-invalid": (422, "The amount is outside what is allowed"),
    "currency-unsupported": (422, "The currency is not supported"),
    "capture-exceeds-authorized": (422, "The capture exceeds what is authorized"),
    "refund-exceeds-captured": (422, "The refund exceeds what is left of the payment"),
    "insufficient-balance": (422, "The balance does not cover this"),
    "cardholder-data-not-accepted": (422, "Card data is not accepted"),
    "webhook-url-forbidden": (422, "This URL may not receive webhooks"),
    "rate-limited": (429, "Too many requests"),
    "headers-too-large": (431, "The headers are too large"),
    "internal-error": (500, "Something went wrong on our side"),
    "gateway-unavailable": (503, "The provider cannot be reached"),
    "overloaded": (503, "The service cannot take this request now"),
}
_OF_VALUES = {slug for slug, (status, _) in REGISTRY.items() if status == 422}  # noqa: PLR2004
# For errors made outside our code, of which only the status is known.
OF_STATUS = {
    400: "validation-error",
    401: "unauthenticated",
    403: "forbidden-scope",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "payload-too-large",
    414: "uri-too-long",
    415: "unsupported-media-type",
    429: "rate-limited",
    431: "headers-too-large",
    503: "overloaded",
}

_origin: ContextVar[str] = ContextVar("problem_origin", default="")


def set_origin(origin: str) -> None:
    """Set ``scheme://host`` of the problem types' addresses, for this request."""
    _origin.set(origin)


class Problem(Exception):
    """A refusal with its type, as a caller will read it."""

    def __init__(
        self,
        slug: str,
        detail: str = "",
        *,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(slug, detail)
        self.slug = slug
        self.status, self.title = REGISTRY[slug]
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.extensions = extensions

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the members of RFC 9457 and ours."""
        members: dict[str, Any] = {
            **self.extensions,
            "type": f"{_origin.get()}/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
        }
        if self.detail:
            members["detail"] = self.detail
        if self.errors:
            members["errors"] = self.errors
        if instance := _instance(request_id):
            members["instance"] = instance
        return members


def _instance(request_id: str) -> str | None:
    try:
        return UUID(request_id).urn
    except ValueError:
        return None


def problem_http_response(problem: Problem, request_id: str) -> HttpResponse:
    """Return the answer that carries this problem."""
    response = HttpResponse(
        json.dumps(problem.body(request_id), ensure_ascii=False).encode(),
        status=problem.status,
        content_type=CONTENT_TYPE,
    )
    for name, value in problem.headers.items():
        response[name] = value
    response["Cache-Control"] = "no-store"
    # Django's own line about it would repeat the raw path.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return response


def _step(name: object) -> str:
    return str(name)[:100].replace("~", "~0").replace("/", "~1")


def _flat(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """Turn DRF's nested details into a list, each with the JSON Pointer of its member."""
    if isinstance(detail, Mapping):
        found = []
        for name, inner in detail.items():
            own = pointer if name == "non_field_errors" else f"{pointer}/{_step(name)}"
            found += _flat(inner, own)
        return found
    if isinstance(detail, list | tuple):
        found = []
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list | tuple)
            found += _flat(inner, f"{pointer}/{index}" if nested else pointer)
        return found
    code = str(getattr(detail, "code", "invalid"))
    return [{"pointer": pointer, "code": code.replace("_", "-"), "detail": str(detail)}]


def _validation(exc: drf.ValidationError) -> Problem:
    errors = _flat(exc.detail)
    slugs = {error["code"] for error in errors}
    # A wrong form (400) outranks a wrong value (422): the value may not be what was meant.
    if not slugs <= _OF_VALUES:
        return Problem("validation-error", errors[0]["detail"], errors=errors)
    slug = slugs.pop() if len(slugs) == 1 else "value-invalid"
    return Problem(slug, errors[0]["detail"], errors=errors)


def _throttled(exc: drf.Throttled) -> Problem:
    wait = max(1, math.ceil(getattr(exc, "wait", None) or 1))
    return Problem("rate-limited", str(exc.detail), headers={"Retry-After": str(wait)})


def unavailable(detail: str = "The database cannot be reached; try again.") -> Problem:
    """Return the refusal for what should pass within seconds."""
    return Problem("overloaded", detail, headers={"Retry-After": "1"})


def _of_drf(exc: drf.APIException) -> Problem:
    detail = str(exc.detail)
    if isinstance(exc, drf.ValidationError):
        return _validation(exc)
    if isinstance(exc, drf.ParseError):
        return Problem("malformed-json", detail)
    if isinstance(exc, drf.NotAuthenticated | drf.AuthenticationFailed):
        return Problem("unauthenticated", detail, headers={"WWW-Authenticate": CHALLENGE})
    if isinstance(exc, drf.Throttled):
        return _throttled(exc)
    if isinstance(exc, drf.NotFound | drf.MethodNotAllowed):
        detail = ""  # theirs would repeat what was sent
    return Problem(OF_STATUS.get(exc.status_code, "internal-error"), detail)


# What Django raises, and what of it a caller is told.
_OF_DJANGO: tuple[tuple[type[Exception], Callable[[], Problem]], ...] = (
    (Http404, lambda: Problem("not-found")),
    (PermissionDenied, lambda: Problem("forbidden-scope")),
    (OperationalError, unavailable),
    (InterfaceError, unavailable),
    (RequestDataTooBig, lambda: Problem("payload-too-large")),
    (UnreadablePostError, lambda: Problem("malformed-json", "The body ended early.")),
    (BadRequest, lambda: Problem("validation-error")),
    (SuspiciousOperation, lambda: Problem("validation-error")),
)


def problem_for(exc: Exception) -> Problem | None:
    """Return the problem an exception stands for; None if it is a bug."""
    if isinstance(exc, Problem):
        return exc
    if isinstance(exc, drf.APIException):
        return _of_drf(exc)
    if isinstance(exc, OperationalError | InterfaceError):
        # It will pass; the text names the server, and the redactor takes out a password.
        log.warning("database.unavailable", error=str(exc))
    found = (make for kind, make in _OF_DJANGO if isinstance(exc, kind))
    make = next(found, None)
    return make() if make else None


def _allowed(context: Mapping[str, Any]) -> str:
    return ", ".join(getattr(context.get("view"), "allowed_methods", []))


def problem_response(exc: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Answer for Django REST framework; None leaves a bug to the middleware."""
    problem = problem_for(exc)
    if problem is None:
        return None
    if problem.slug == "method-not-allowed" and (allowed := _allowed(context)):
        problem.headers.setdefault("Allow", allowed)
    request_id = getattr(context.get("request"), "request_id", "")
    return problem_http_response(problem, request_id)
