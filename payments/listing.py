"""Lists of payments by what merchants choose, in bounded ranges of one index.

Ids are UUIDv7, so a list by id is a list by time, and a range of times is a range of ids. The other
filters have no index of their own: each would cost every create, and one over ``status`` every
change of it (ADR 0017). They are looked for among at most ``EXAMINED_MAX`` payments a page instead.
A page that met fewer is short, or empty, and its cursor goes on where the reading ended.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework.exceptions import ValidationError

from core import money
from core.db import rows
from core.fields import StrictString
from core.ids import smallest_uuid7
from core.pagination import LARGEST_ID, SMALLEST_ID, NewestFirst, bad_parameter
from payments.serializers import TEXT_LENGTH_MAX
from payments.states import Status

# About 10 ms of reading; a merchant's million payments are a hundred pages.
EXAMINED_MAX = 10_000
# An id is made by a web process just before the database says when the payment was created: so much
# earlier at the most, and so much later if that machine's clock runs ahead.
ID_BEFORE_MAX = timedelta(seconds=60)
ID_AFTER_MAX = timedelta(seconds=5)
_EPOCH = datetime.fromtimestamp(0, UTC)
_WHOLE = re.compile(r"[0-9]{1,12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_REFERENCE = StrictString(max_length=TEXT_LENGTH_MAX)

FILTERS = (
    *("status", "gateway", "currency", "reference"),
    *("created_after", "created_before", "amount_min", "amount_max"),
)

# The last payment examined is among the rows, wanted or not: it says how far the reading went.
# Whole rows are compared for the reason that `core.pagination.ranged` gives.
_CHOOSE = """
    SELECT id, n, is_wanted FROM (
        SELECT p.merchant_id, p.mode, p.id,
               row_number() OVER (ORDER BY p.merchant_id DESC, p.mode DESC, p.id DESC) AS n,
               (%(status)s::text IS NULL OR p.status = %(status)s)
               AND (%(gateway)s::text IS NULL OR p.gateway = %(gateway)s)
               AND (%(currency)s::text IS NULL OR p.currency = %(currency)s)
               AND (%(amount_min)s::bigint IS NULL OR p.amount >= %(amount_min)s)
               AND (%(amount_max)s::bigint IS NULL OR p.amount <= %(amount_max)s)
               AND (%(created_after)s::timestamptz IS NULL OR p.created_at >= %(created_after)s)
               AND (%(created_before)s::timestamptz IS NULL OR p.created_at < %(created_before)s)
               AS is_wanted
        FROM (SELECT * FROM payments_payment
              WHERE (merchant_id, mode, id) >= (%(merchant_id)s, %(mode)s, %(first)s)
                AND (merchant_id, mode, id) < (%(merchant_id)s, %(mode)s, %(below)s)
              ORDER BY merchant_id DESC, mode DESC, id DESC LIMIT %(examined)s) AS p) AS met
    WHERE is_wanted OR n = %(examined)s
    ORDER BY merchant_id DESC, mode DESC, id DESC LIMIT %(limit)s
"""


class PaymentPages(NewestFirst):
    """Pages of payments, by filters."""

    parameters = NewestFirst.parameters | {"expand"}
    filters = frozenset(FILTERS)

    def read(
        self, queryset: Any, chosen: Mapping[str, str], *, below: UUID, limit: int
    ) -> tuple[list[Any], UUID | None]:
        """Return a page, which may be short before the list ends, and where the next one begins.

        :raises Problem: ``validation-error`` for a bad value
        """
        asked = _asked(chosen)
        if asked["reference"] is not None:
            # Unique, so that one row at most has to pass the other filters.
            found = queryset.filter(**self.scope, **conditions(asked), id__lt=below)
            return list(found), None
        if chosen:
            return self._choose(queryset, asked, below, limit)
        return super().read(queryset, chosen, below=below, limit=limit)

    def _choose(
        self, queryset: Any, asked: dict[str, Any], below: UUID, limit: int
    ) -> tuple[list[Any], UUID | None]:
        first, end = _range_of_ids(asked)
        bounds = {"first": first, "below": min(end, below)}
        most = {"examined": EXAMINED_MAX, "limit": limit + 1}
        met = rows(_CHOOSE, {**asked, **self.scope, **bounds, **most})
        wanted = [one for one, _, is_wanted in met if is_wanted]
        if len(wanted) > limit:
            next_below = wanted[limit - 1]
        else:
            next_below = met[-1][0] if met and met[-1][1] == EXAMINED_MAX else None
        # Asked once more, as a payment may have changed between the two statements.
        page = queryset.filter(**self.scope, **conditions(asked), id__in=wanted[:limit])
        return list(page.order_by("-id")), next_below

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters to the OpenAPI document."""
        filters = [
            {"name": name, "in": "query", "required": False, "schema": schema, "description": says}
            for name, (schema, says) in _described().items()
        ]
        return [*super().get_schema_operation_parameters(view), *filters]


def conditions(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is asked in the ORM's words."""
    words = {
        **{name: name for name in ("status", "gateway", "currency", "reference")},
        "amount_min": "amount__gte",
        "amount_max": "amount__lte",
        "created_after": "created_at__gte",
        "created_before": "created_at__lt",
    }
    return {word: asked[name] for name, word in words.items() if asked[name] is not None}


def _range_of_ids(asked: Mapping[str, Any]) -> tuple[UUID, UUID]:
    """Return the range, without its end, of all ids that may belong to the range of times."""
    after, before = asked["created_after"], asked["created_before"]
    first, end = SMALLEST_ID, LARGEST_ID
    if after is not None:
        first = smallest_uuid7(max(0.0, (after - _EPOCH - ID_BEFORE_MAX).total_seconds()))
    if before is not None:
        end = smallest_uuid7(max(0.0, (before - _EPOCH + ID_AFTER_MAX).total_seconds()))
    return first, end


def _asked(chosen: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of every filter, None where it was not given.

    :raises Problem: ``validation-error``
    """
    asked: dict[str, Any] = dict.fromkeys(FILTERS)
    asked |= {name: _READ[name](name, value) for name, value in chosen.items()}
    for low, high in (("amount_min", "amount_max"), ("created_after", "created_before")):
        if asked[low] is not None and asked[high] is not None and asked[low] > asked[high]:
            raise bad_parameter(high, "invalid", f"May not be less than {low}.")
    return asked


def _choice(name: str, raw: str) -> str:
    known = Status.values if name == "status" else sorted(settings.GATEWAYS)
    if raw not in known:
        raise bad_parameter(name, "invalid", f"Must be one of {', '.join(known)}.")
    return raw


def _currency(name: str, raw: str) -> str:
    if money.exponent(raw) is None:
        detail = "Must be a supported ISO 4217 code in capitals."
        raise bad_parameter(name, "invalid", detail)
    return raw


def _reference(name: str, raw: str) -> str:
    try:
        return str(_REFERENCE.run_validation(raw))
    except ValidationError as error:
        raise bad_parameter(name, "invalid", str(error.args[0])) from None


def _amount(name: str, raw: str) -> int:
    if not _WHOLE.fullmatch(raw) or int(raw) > money.MAX_AMOUNT:
        detail = f"Must be a whole number of minor units from 0 to {money.MAX_AMOUNT}."
        raise bad_parameter(name, "invalid", detail)
    return int(raw)


def _moment(name: str, raw: str) -> datetime:
    try:
        if _MOMENT.fullmatch(raw):
            return datetime.fromisoformat(raw.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    detail = "Must be a time as in RFC 3339, such as 2026-01-31T09:30:00Z; a + is written %2B."
    raise bad_parameter(name, "invalid", detail)


_READ: dict[str, Callable[[str, str], Any]] = {
    "status": _choice,
    "gateway": _choice,
    "currency": _currency,
    "reference": _reference,
    "created_after": _moment,
    "created_before": _moment,
    "amount_min": _amount,
    "amount_max": _amount,
}


def _described() -> dict[str, tuple[dict[str, Any], str]]:
    moment, text = {"type": "string", "format": "date-time"}, {"type": "string"}
    amount = {"type": "integer", "minimum": 0, "maximum": money.MAX_AMOUNT}
    return {
        "status": ({**text, "enum": Status.values}, "in this status"),
        "gateway": ({**text, "enum": sorted(settings.GATEWAYS)}, "by this gateway"),
        "currency": ({**text, "pattern": "^[A-Z]{3}$"}, "in this currency"),
        "reference": ({**text, "maxLength": TEXT_LENGTH_MAX}, "the one with this reference"),
        "created_after": (moment, "created at this time or later"),
        "created_before": (moment, "created before this time"),
        "amount_min": (amount, "of this amount or more, in minor units"),
        "amount_max": (amount, "of this amount or less, in minor units"),
    }
