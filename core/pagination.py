"""Lists by cursor: newest first, stable while rows are added, one index range a page."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from core.auth import principal_of
from core.errors import Problem

LIMIT_DEFAULT = 20
LIMIT_MAX = 100
SMALLEST_ID = UUID(int=0)
LARGEST_ID = UUID(int=2**128 - 1)


class NewestFirst(BasePagination):
    """Pages by UUIDv7, which sorts by time. Answers ``{"results": […], "next": cursor}``.

    ``filters`` choose what is in the list, and a cursor is good for the same ones only;
    ``parameters`` choose how a page looks, and may change from page to page. The view says in
    ``scope_of_list()`` whose rows they are: the columns before the id in the index of the list.
    """

    parameters = frozenset({"limit", "cursor"})
    filters: frozenset[str] = frozenset()

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return one page.

        :raises Problem: ``validation-error`` for an unknown parameter or a bad value
        """
        given = given_once(request, self.parameters | self.filters)
        limit = limit_of(given.get("limit"))
        chosen = {name: value for name, value in given.items() if name in self.filters}
        salt = cursor_salt(request, request.path, chosen)
        below = _position(given["cursor"], salt) if "cursor" in given else None
        self.scope = view.scope_of_list()
        page, end = self.read(queryset, chosen, below=below or LARGEST_ID, limit=limit)
        self._next = None if end is None else cursor_at(end, salt)
        return page

    def read(
        self, queryset: Any, chosen: Mapping[str, str], *, below: UUID, limit: int
    ) -> tuple[list[Any], UUID | None]:
        """Return at most ``limit`` rows, and below which id the next page begins, if there is one.

        ``chosen`` are the filters as given.
        """
        return cut(list(ranged(queryset, self.scope, below)[: limit + 1]), limit)

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


def ranged(queryset: Any, scope: Mapping[str, Any], below: UUID) -> Any:
    """Return the rows of a scope below an id, newest first, by the index over both.

    Whole rows are compared and sorted by, for no other index has that order. Of a condition on each
    column the planner may think that most rows are this merchant's, take the index over ids alone,
    and meet everybody else's first.
    """
    table = queryset.model._meta.db_table
    names = [*scope, "id"]
    row = ", ".join(f"{table}.{name}" for name in names)
    whose = [one.hex if isinstance(one, UUID) else one for one in scope.values()]
    places = ", ".join("%s" for _ in names)
    for sign, end in ((">=", SMALLEST_ID), ("<", below)):
        bound = RawSQL(f"({row}) {sign} ({places})", [*whose, end.hex], BooleanField())  # noqa: S611 - names of ours
        queryset = queryset.filter(bound)
    return queryset.order_by(*(f"-{name}" for name in names))


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


def cut(page: list[Any], limit: int) -> tuple[list[Any], UUID | None]:
    """Return at most ``limit`` rows, and the id of the last one if there are more."""
    return page[:limit], page[limit - 1].id if len(page) > limit else None


def cursor_salt(request: Request, path: str, chosen: Mapping[str, str] | None = None) -> str:
    """Return what a cursor is good for: a list of one merchant and mode, under these filters."""
    principal = principal_of(request)
    filters = urlencode(sorted((chosen or {}).items()))
    return f"cursor:{path}:{principal.merchant_id}:{principal.mode}:{filters}"


def cursor_at(end: UUID, salt: str) -> str:
    """Return the cursor of what comes below this id."""
    return signing.dumps(str(end), salt=salt)


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
        detail = "Is not a cursor that this list gave you with these filters."
        raise bad_parameter("cursor", "invalid", detail) from None


def bad_parameter(name: str, code: str, detail: str) -> Problem:
    """Return the refusal of a parameter in the query."""
    error = {"parameter": name, "code": code, "detail": detail}
    return Problem("validation-error", f"{name}: {detail}", errors=[error])
