"""Lists by cursor: newest first, stable while rows are added, one index range a page."""

from typing import Any
from uuid import UUID

from django.core import signing
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from core.auth import principal_of
from core.errors import Problem

LIMIT_DEFAULT = 20
LIMIT_MAX = 100


class NewestFirst(BasePagination):
    """Pages by UUIDv7, which sorts by time. Answers ``{"results": […], "next": cursor}``."""

    parameters = frozenset({"limit", "cursor"})

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return one page.

        :raises Problem: ``validation-error`` for an unknown parameter or a bad value
        """
        given = given_once(request, self.parameters | set(getattr(view, "filters", ())))
        limit = limit_of(given.get("limit"))
        principal = principal_of(request)
        salt = f"cursor:{request.path}:{principal.merchant_id}:{principal.mode}"
        if "cursor" in given:
            queryset = queryset.filter(id__lt=_position(given["cursor"], salt))
        page = list(queryset.order_by("-id")[: limit + 1])
        self._next = (
            signing.dumps(str(page[limit - 1].id), salt=salt) if len(page) > limit else None
        )
        return page[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page and where the next one begins."""
        return Response({"results": data, "next": self._next})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the page to the OpenAPI document."""
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {
                "results": schema,
                "next": {"type": "string", "nullable": True, "description": "cursor of the rest"},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters to the OpenAPI document."""
        limit = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
        return [
            {"name": "limit", "in": "query", "required": False, "schema": limit},
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}},
        ]


def given_once(request: Request, known: frozenset[str]) -> dict[str, str]:
    """Return the parameters of a request.

    :raises Problem: ``validation-error`` for one that is not known, or given twice
    """
    given = request.query_params
    unknown = set(given) - known
    if unknown:
        raise bad_parameter(min(unknown), "unknown-parameter", "Is not a parameter of this call.")
    repeated = [name for name in given if len(given.getlist(name)) > 1]
    if repeated:
        raise bad_parameter(repeated[0], "repeated", "May be given once.")
    return given.dict()


def limit_of(raw: str | None) -> int:
    """Return how many rows a page may have.

    :raises Problem: ``validation-error`` if that is not a number in bounds
    """
    if raw is None:
        return LIMIT_DEFAULT
    is_short = len(raw) <= len(str(LIMIT_MAX))  # Python converts only so many digits
    if not (is_short and raw.isascii() and raw.isdigit() and 1 <= int(raw) <= LIMIT_MAX):
        raise bad_parameter("limit", "invalid", f"Must be a whole number from 1 to {LIMIT_MAX}.")
    return int(raw)


def _position(cursor: str, salt: str) -> UUID:
    try:
        return UUID(signing.loads(cursor, salt=salt))
    except (signing.BadSignature, ValueError):
        detail = "Is not a cursor that this list gave you."
        raise bad_parameter("cursor", "invalid", detail) from None


def bad_parameter(name: str, code: str, detail: str) -> Problem:
    """Return the refusal of a parameter in the query."""
    error = {"parameter": name, "code": code, "detail": detail}
    return Problem("validation-error", f"{name}: {detail}", errors=[error])
