"""The feed: a merchant's events by number. Who has read up to a number has missed nothing."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.auth import principal_of
from core.errors import Problem
from core.pagination import LIMIT_DEFAULT, LIMIT_MAX, bad_parameter, given_once, limit_of
from core.viewsets import Door
from payments.events import TYPES, of_place, parse_id
from payments.models import EventNumber
from payments.openapi import ERRORS
from payments.serializers import ThingRead, Timestamp

NUMBER_MAX = 2**63 - 1
# How far a page looks for events of one type: numbers have no gap, so this many rows at most.
LOOKED_AT_MAX = 1_000
PARAMETERS = frozenset({"after", "limit", "type"})


class EventRead(serializers.Serializer[Any]):
    """A change that a merchant can observe; ``data`` is the object right after it."""

    id = serializers.CharField()
    number = serializers.IntegerField()
    type = serializers.ChoiceField(choices=sorted(TYPES))
    object = ThingRead()
    version = serializers.IntegerField()
    data = serializers.DictField()  # type: ignore[assignment]  # a field, once it is declared
    created_at = Timestamp()


@extend_schema_serializer(many=False)
class EventsRead(serializers.Serializer[Any]):
    """Events, the lowest number first, and the number to go on after, if there is more now."""

    results = EventRead(many=True)
    next = serializers.IntegerField(allow_null=True)


_AFTER = OpenApiParameter(
    "after",
    {"type": "integer", "minimum": 0, "maximum": NUMBER_MAX, "default": 0},
    description="Events with a greater number than this.",
)
_LIMIT = OpenApiParameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
)
_TYPE = OpenApiParameter(
    "type",
    {"type": "string", "enum": sorted(TYPES)},
    description="Events of this type only. A page may then have few, or none, with more to come.",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the feed."""

    after: int
    limit: int
    type: str | None


class EventViewSet(Door):
    """Read events."""

    scopes: ClassVar = {"list": "events:read", "retrieve": "events:read"}

    @extend_schema(
        operation_id="events_list",
        parameters=[_AFTER, _LIMIT, _TYPE],
        responses={200: EventsRead, **ERRORS},
    )
    def list(self, request: Request) -> Response:
        """Return events after a number, in order, and where to go on."""
        wanted = _wanted(request)
        places, following = _page(_feed(request), wanted)
        return Response({"results": [of_place(one) for one in places], "next": following})

    @extend_schema(
        operation_id="events_retrieve",
        parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH)],
        responses={200: EventRead, **ERRORS},
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one event that has its number."""
        event_id = parse_id(pk)
        place = _feed(request).filter(event=event_id).first() if event_id else None
        if place is None:
            raise Problem("not-found")
        return Response(of_place(place))


def _feed(request: Request) -> QuerySet[EventNumber]:
    principal = principal_of(request)
    found = EventNumber.objects.filter(merchant_id=principal.merchant_id, mode=principal.mode)
    return found.select_related("event")


def _wanted(request: Request) -> Wanted:
    given = given_once(request, PARAMETERS)
    name = given.get("type")
    if name is not None and name not in TYPES:
        raise bad_parameter("type", "invalid", "Is not a type of event.")
    return Wanted(_number(given.get("after")), limit_of(given.get("limit")), name)


def _number(raw: str | None) -> int:
    if raw is None:
        return 0
    is_short = len(raw) <= len(str(NUMBER_MAX))  # Python converts only so many digits
    if not (is_short and raw.isascii() and raw.isdigit() and int(raw) <= NUMBER_MAX):
        detail = f"Must be a whole number from 0 to {NUMBER_MAX}."
        raise bad_parameter("after", "invalid", detail)
    return int(raw)


def _page(feed: QuerySet[EventNumber], wanted: Wanted) -> tuple[list[EventNumber], int | None]:
    """Return a page, and the number to continue after, or None if there is no more now."""
    in_order = feed.filter(number__gt=wanted.after).order_by("number")
    if wanted.type is None:
        page = list(in_order[: wanted.limit + 1])
        return _cut(page, wanted.limit)
    end = min(wanted.after + LOOKED_AT_MAX, NUMBER_MAX)
    # Asked first: an event that comes meanwhile is then read, or is behind what is said to be next.
    has_more = feed.filter(number__gt=end).exists()
    page = list(in_order.filter(number__lte=end, event__type=wanted.type)[: wanted.limit + 1])
    page, following = _cut(page, wanted.limit)
    return page, following or (end if has_more else None)


def _cut(page: list[EventNumber], limit: int) -> tuple[list[EventNumber], int | None]:
    return page[:limit], page[limit - 1].number if len(page) > limit else None
