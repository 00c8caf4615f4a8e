"""The desk's pages of merchants' endpoints, and of what they were sent."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from core.desk import words
from core.desk.acts import Acting, Deed, Order, acts_on, refusing
from core.desk.board import Line, board
from core.desk.lists import View
from core.desk.pages import ROWS_MAX, Section, Shown, section
from outbox import listing
from payments.desk import trail
from webhooks import endpoint_acts, sampling
from webhooks.models import Delivery, DeliveryAttempt, DeliveryStatus, Endpoint, EndpointStatus

_TONES = {
    "enabled": "good",
    "disabled": "bad",
    "deleted": "calm",
    "pending": "busy",
    "succeeded": "good",
    "failed": "bad",
    "refused": "bad",
    "no_answer": "bad",
    "forbidden": "bad",
    "unanswered": "warn",
}


class Sent(View):
    """Endpoints by whether anything is sent to them."""

    title = "view"
    parameter_name = "view"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the views; disabled ones have a partial index."""
        return [("all", "newest"), ("disabled", "disabled")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        if self.value() != "disabled":
            return queryset
        return queryset.filter(status=EndpointStatus.DISABLED, deleted_at=None)


def _told(order: Order) -> dict[str, str]:
    return {"seen_as": order.seen["sight"], "actor": order.actor, "reason": order.reason}


def _disable(order: Order) -> str:
    endpoint_acts.disable(order.id, **_told(order))
    return "Nothing more is sent to it; its merchant finds that in the feed."


def _enable(order: Order) -> str:
    endpoint_acts.enable(order.id, **_told(order))
    return "It is sent to again; what was canceled meanwhile is not."


DEEDS = (
    Deed(
        "disable",
        "Disable",
        "Stops what is sent to it. What waits is canceled, and can be sent again by its merchant,"
        " who learns of it by the feed.",
        "webhooks.disable_endpoint",
        lambda row: row.is_open,
        refusing(_disable),
    ),
    Deed(
        "enable",
        "Enable",
        "Has it sent to again, from the next event on, as if it had never failed.",
        "webhooks.enable_endpoint",
        lambda row: row.deleted_at is None and not row.is_open,
        refusing(_enable),
    ),
)


def _status(row: Endpoint) -> Any:
    return words.tinted("deleted" if row.deleted_at else str(row.status), _TONES)


class EndpointPages(Acting):
    """Where merchants are told of events. Secrets are on no page."""

    deeds = DEEDS
    list_display = ("id", "merchant_link", "mode", "address", "status_mark", "failing", "made")
    list_filter = (Sent,)
    list_select_related = ("merchant",)
    search_help_text = "The whole id of an endpoint, or of its merchant."
    found_by = ("pk", "merchant")
    empty = "No merchant has an endpoint like this."

    @admin.display(description="merchant")
    def merchant_link(self, row: Endpoint) -> Any:
        """Return whose it is."""
        return words.to(row.merchant, row.merchant.name)

    @admin.display(description="URL")
    def address(self, row: Endpoint) -> str:
        """Return where it is."""
        return words.said(row.url, 100)

    @admin.display(description="status")
    def status_mark(self, row: Endpoint) -> Any:
        """Return whether it is sent to, on its colour."""
        return _status(row)

    @admin.display(description="failing since")
    def failing(self, row: Endpoint) -> str:
        """Return since when it took nothing."""
        return words.moment(row.failing_since)

    @admin.display(description="made")
    def made(self, row: Endpoint) -> str:
        """Return when it was made."""
        return words.moment(row.created_at)

    def sight(self, row: Endpoint) -> str:
        """Return a mark of whether it is sent to."""
        return endpoint_acts.sight(row)

    def sections(self, row: Endpoint) -> list[Section]:
        """Return what it was sent last, and what people did to it."""
        found = Delivery.objects.filter(endpoint=row).select_related("body").order_by("-id")
        return [_deliveries(found), acts_on([row.id])]


def _deliveries(found: QuerySet[Delivery]) -> Section:
    return section(
        "Deliveries, the newest first",
        ("Delivery", "Event", "Type", "Status", "Why", "Tries", "Next", "Made"),
        [
            (
                words.to(one),
                words.link("payments_event", one.body_id, words.tail(one.body_id)),
                words.said(one.body.type),
                words.tinted(str(one.status), _TONES),
                words.said(one.reason),
                one.tries,
                words.moment(one.next_attempt_at),
                words.moment(one.created_at),
            )
            for one in found[: ROWS_MAX + 1]
        ],
        "It was never sent anything.",
    )


class Open(View):
    """Deliveries by whether they are over."""

    title = "view"
    parameter_name = "view"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the views; pending ones have a partial index."""
        return [("all", "newest"), ("pending", "pending")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        if self.value() != "pending":
            return queryset
        return queryset.filter(status=DeliveryStatus.PENDING)


class DeliveryPages(Shown):
    """Events on their way to endpoints."""

    list_display = ("id", "endpoint_link", "type_text", "status_mark", "tries", "next", "made")
    list_filter = (Open,)
    list_select_related = ("body",)
    search_help_text = "The whole id of a delivery, of its endpoint, or of its event."
    found_by = ("pk", "endpoint", "body")
    empty = "Nothing was sent like this."

    @admin.display(description="endpoint")
    def endpoint_link(self, row: Delivery) -> Any:
        """Return where it goes."""
        return words.link("webhooks_endpoint", row.endpoint_id)

    @admin.display(description="event")
    def type_text(self, row: Delivery) -> str:
        """Return what it tells of."""
        return words.said(row.body.type)

    @admin.display(description="status")
    def status_mark(self, row: Delivery) -> Any:
        """Return what became of it, on its colour."""
        return words.tinted(str(row.status), _TONES)

    @admin.display(description="next try")
    def next(self, row: Delivery) -> str:
        """Return when it is tried next."""
        return words.moment(row.next_attempt_at)

    @admin.display(description="made")
    def made(self, row: Delivery) -> str:
        """Return when it was made."""
        return words.moment(row.created_at)

    def fact(self, row: Delivery, one: Any) -> Any:
        """Return what one column says."""
        if one.name == "body":
            return words.link("payments_event", row.body_id)
        return super().fact(row, one)

    def sections(self, row: Delivery) -> list[Section]:
        """Return its tries, and what is being done about it."""
        return [
            _attempts(DeliveryAttempt.objects.filter(delivery=row).order_by("id")),
            trail.messages(listing.about([row.id]), timezone.now()),
        ]


def _attempts(found: QuerySet[DeliveryAttempt]) -> Section:
    return section(
        "Attempts",
        ("Attempt", "Began", "Answered", "Result", "Status", "Milliseconds", "Said"),
        [
            (
                words.to(one, words.tail(one.id)),
                words.moment(one.intended_at),
                words.moment(one.answered_at),
                words.tinted(one.result or "unanswered", _TONES),
                one.status_code,
                one.milliseconds,
                words.said(one.detail),
            )
            for one in found[: ROWS_MAX + 1]
        ],
        "It was not tried yet.",
    )


class DeliveryAttemptPages(Shown):
    """Tries to tell a merchant."""

    list_display = ("id", "delivery_link", "began", "result_mark", "status_code", "milliseconds")
    search_help_text = "The whole id of an attempt, or of its delivery."
    found_by = ("pk", "delivery")
    linked = {"message_id": "outbox_message"}  # noqa: RUF012 - Django's way
    empty = "Nothing was ever sent."

    @admin.display(description="delivery")
    def delivery_link(self, row: DeliveryAttempt) -> Any:
        """Return what was sent."""
        return words.link("webhooks_delivery", row.delivery_id)

    @admin.display(description="began")
    def began(self, row: DeliveryAttempt) -> str:
        """Return when it was intended."""
        return words.moment(row.intended_at)

    @admin.display(description="result")
    def result_mark(self, row: DeliveryAttempt) -> Any:
        """Return how it ended, on its colour."""
        return words.tinted(row.result or "unanswered", _TONES)


@board
def disabled() -> list[Line]:
    """Return the front page's line of endpoints that we gave up."""
    count = sampling.endpoints_given_up()
    address = reverse("admin:webhooks_endpoint_changelist") + "?view=disabled"
    permission = "webhooks.view_endpoint"
    return [Line("Endpoints disabled for failing", str(count), address, count > 0, permission)]
