"""The pages of outbox messages: the stuck ones first, and what may be done about one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core import signing
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from core.desk import words
from core.desk.acts import acts_on
from core.desk.lists import Bounded, Page, View
from core.desk.pages import ROWS_MAX, Section, section
from outbox import listing
from outbox.listing import Place
from outbox.models import Lapse, Message, State
from payments.desk import trail
from payments.desk.bulk import Together
from payments.desk.deeds import MESSAGE_DEEDS
from payments.desk.finding import join_payments, messages_of, operations_like
from payments.handlers import ERRANDS
from payments.models import Operation

# Rooms above this one add theirs.
KINDS: list[str] = list(ERRANDS)
_AGES = {"minute": 60, "hour": 3_600, "day": 86_400}
_OVER = {"minute": "a minute", "hour": "an hour", "day": "a day"}


class Which(View):
    """The list, by what is wrong with its messages."""

    title = "view"
    parameter_name = "view"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the lists, the stuck messages first."""
        return [(name, title) for name, (title, _) in listing.LISTS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave it: the list itself reads by view."""
        return queryset


class Kind(View):
    """Messages of one kind."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds."""
        return [("any", "any"), *((kind, kind) for kind in KINDS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave it: the list itself reads by kind."""
        return queryset


class Age(View):
    """Messages that were made some time ago."""

    title = "age"
    parameter_name = "age"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the ages."""
        return [("any", "any"), *((name, f"over {_OVER[name]}") for name in _AGES)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave it: the list itself reads by age."""
        return queryset


class MessagePages(Together):
    """Outbox messages."""

    deeds = MESSAGE_DEEDS
    watched = ("state", "epoch")

    list_display = ("id", "kind", "state_mark", "due", "tries", "error", "payment", "age", "lane")
    list_filter = (Which, Kind, Age)
    search_help_text = "The whole id of a message, or of a payment, refund, operation or event."
    empty = "Nothing is stuck here. All is well, or the filters leave it out."

    @admin.display(description="state")
    def state_mark(self, row: Message) -> Any:
        """Return the state on its colour."""
        return trail.state(row)

    @admin.display(description="due")
    def due(self, row: Message) -> str:
        """Return for how long it has been due."""
        if row.state in {State.DONE, State.DEAD}:
            return words.NOTHING
        now = timezone.now()
        return words.age(row.available_at, now) + (" ago" if row.available_at <= now else "")

    @admin.display(description="age")
    def age(self, row: Message) -> str:
        """Return how long ago it was made."""
        return words.age(row.created_at, timezone.now())

    @admin.display(description="attempts")
    def tries(self, row: Message) -> str:
        """Return how often it was tried."""
        return trail.tries(row)

    @admin.display(description="last error")
    def error(self, row: Message) -> str:
        """Return what went wrong last."""
        return words.said(row.last_error, 120)

    @admin.display(description="payment")
    def payment(self, row: Any) -> Any:
        """Return the payment that it is about."""
        tail = f"…{words.tail(row.payment_id)}"
        return words.link("payments_payment", row.payment_id, tail)

    def page(self, request: HttpRequest, listed: Bounded, after: str) -> Page:
        """Return one page of the chosen list.

        :raises ValueError: if ``after`` is no place in it
        """
        if listed.query:
            return list(listed.queryset[:ROWS_MAX]), None
        filters = [one for one in listed.filter_specs if isinstance(one, View)]
        chosen = {one.parameter_name: one.value() for one in filters}
        keep = _keep(chosen["kind"], chosen["age"])
        found, end = listing.page(chosen["view"], _place(after), self.list_per_page, keep)
        return found, _written(end) if end else None

    def joined(self, found: list[Any]) -> list[Any]:
        """Add the payments."""
        join_payments(found)
        return found

    def find(self, queryset: QuerySet[Any], wanted: UUID) -> QuerySet[Any]:
        """Return the message that has this id, and those about what has it."""
        found = [*messages_of(operations_like(wanted)), *listing.about([wanted])]
        return queryset.filter(pk__in=[wanted, *(message.id for message in found)])

    def fact(self, row: Message, one: Any) -> Any:
        """Return what one column says."""
        if one.name == "state":
            return trail.state(row)
        if one.name == "subject_id":
            page = "payments_operation" if row.kind in ERRANDS else SUBJECTS.get(row.kind, "")
            return words.link(page, row.subject_id)
        return super().fact(row, one)

    def sections(self, row: Message) -> list[Section]:
        """Return what it is about, and what it did so far."""
        operations = list(Operation.objects.filter(id=row.subject_id).select_related("payment"))
        others = [one for one in messages_of([row.subject_id]) if one.id != row.id]
        return [
            *(_payment(one) for one in operations),
            trail.operations(operations),
            trail.attempts([row.subject_id], only_of=row.id),
            lapses(row),
            trail.messages(others, timezone.now(), "Other messages about the same"),
            acts_on([row.id]),
        ]


# Where the subjects of other rooms' messages are shown, by kind.
SUBJECTS: dict[str, str] = {}


def _payment(operation: Operation) -> Section:
    one = operation.payment
    return section(
        "Payment",
        ("Payment", "Status", "Amount", "Gateway", "Needs review", "Why", "Unknown since"),
        [
            (
                words.to(one),
                words.tinted(one.status, trail.STATUS_TONES),
                words.amount(one.amount, one.currency),
                one.gateway,
                words.shown(one.needs_review),
                words.said(one.review_reason),
                words.moment(one.outcome_unknown_since),
            )
        ],
        "",
    )


def lapses(message: Message) -> Section:
    """Return the starts of a message that lapsed."""
    found = Lapse.objects.filter(message_id=message.id).order_by("id")
    return section(
        "Lapses",
        ("Lapse", "Epoch", "Worker", "Alone", "Started", "Lease until", "Noticed"),
        [
            (
                words.to(one),
                one.epoch,
                one.worker,
                words.shown(one.alone),
                words.moment(one.started_at),
                words.moment(one.lease_until),
                words.moment(one.swept_at),
            )
            for one in found[: ROWS_MAX + 1]
        ],
        "No worker died or froze at it.",
    )


def _keep(kind: str, age: str) -> listing.Keep | None:
    if kind == age == "any":
        return None
    before = timezone.now() - timedelta(seconds=_AGES.get(age, 0))
    return lambda message: kind in {"any", message.kind} and message.created_at <= before


def _written(place: Place) -> str:
    return signing.dumps([place.part, place.at.isoformat(), str(place.id)], salt="messages")


def _place(text: str) -> Place | None:
    """Return the place that a link names.

    :raises ValueError: if we did not write it
    """
    if not text:
        return None
    try:
        part, at, key = signing.loads(text, salt="messages")
    except signing.BadSignature as error:
        raise ValueError from error
    return Place(part, parse_datetime(at) or timezone.now(), UUID(key))
