"""The desk's pages of what providers sent us."""

import json
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from core.desk import words
from core.desk.acts import Acting, Deed, Order, acts_on, refusing
from core.desk.audit import PAGES
from core.desk.board import Line, board
from core.desk.lists import View
from core.desk.pages import ROWS_MAX, Section, section
from gateways import registry
from outbox import listing
from outbox.waking import wake
from payments.desk import messages, payments, records, trail
from payments.models import Payment
from webhooks import operating, sampling
from webhooks.desk import DeliveryAttemptPages, DeliveryPages, EndpointPages
from webhooks.fanout import DELIVER
from webhooks.ingress import APPLY
from webhooks.models import Delivery, DeliveryAttempt, Endpoint, ProviderEvent


class Fate(View):
    """Events by what became of them."""

    title = "view"
    parameter_name = "view"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the views; parked ones have a partial index."""
        return [("all", "newest"), ("parked", "parked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        if self.value() != "parked":
            return queryset
        return queryset.filter(parked_at__isnull=False, closed_at__isnull=True)


def _fate(row: ProviderEvent) -> Any:
    if row.closed_at:
        return words.mark("closed", "calm")
    if row.parked_at:
        return words.mark("parked", "bad")
    return words.mark("applied", "good") if row.applied_at else words.mark("waiting", "busy")


def _is_open(row: ProviderEvent) -> bool:
    return row.parked_at is not None and row.closed_at is None


def _apply_again(order: Order) -> str:
    wake(operating.apply_again(order.id, **_told(order)))
    return "It is being applied; look again whether it fits now."


def _close(order: Order) -> str:
    operating.close(order.id, **_told(order))
    return "The event is closed."


def _told(order: Order) -> dict[str, str]:
    return {"seen_as": order.seen["sight"], "actor": order.actor, "reason": order.reason}


DEEDS = (
    Deed(
        "apply-again",
        "Apply again",
        "Tries once more whether it fits an operation, as if it had just come. What was taken from"
        " it before is not taken twice; if it still does not fit, it is parked again.",
        "webhooks.apply_providerevent",
        lambda row: _is_open(row) and bool(row.outcome),
        refusing(_apply_again),
    ),
    Deed(
        "close",
        "Close",
        "Says that nobody has to look at it any more. It stays as it is, with why it was parked.",
        "webhooks.close_providerevent",
        _is_open,
        refusing(_close),
    ),
)


@admin.register(ProviderEvent)
class ProviderEventPages(Acting):
    """Verified webhooks of providers."""

    deeds = DEEDS

    list_display = ("id", "gateway", "kind", "outcome", "reference_text", "money", "fate",
                    "received")  # fmt: skip
    list_filter = (Fate,)
    search_help_text = "The whole id of an event, or our id that it refers to."
    empty = "No provider has sent anything like this."

    @admin.display(description="reference")
    def reference_text(self, row: ProviderEvent) -> str:
        """Return what it says it is about."""
        return words.said(row.reference)

    @admin.display(description="amount")
    def money(self, row: ProviderEvent) -> str:
        """Return the amount that it names."""
        return words.amount(row.amount, row.currency)

    @admin.display(description="fate")
    def fate(self, row: ProviderEvent) -> Any:
        """Return what became of it."""
        return _fate(row)

    @admin.display(description="received")
    def received(self, row: ProviderEvent) -> str:
        """Return when it came."""
        return words.moment(row.received_at)

    def fact(self, row: ProviderEvent, one: Any) -> Any:
        """Return what one column says; what was sent in lines, if it is JSON."""
        if one.name != "content":
            return super().fact(row, one)
        try:
            return words.shown(json.loads(row.content))
        except ValueError:
            return words.said(row.content)

    def sight(self, row: ProviderEvent) -> str:
        """Return a mark of what became of it."""
        return operating.sight(row)

    def find(self, queryset: QuerySet[Any], wanted: UUID) -> QuerySet[Any]:
        """Return the event that has this id, and those that refer to it."""
        ids = list(_referring([wanted]).values_list("id", flat=True)[:ROWS_MAX])
        return queryset.filter(pk__in=[wanted, *ids])

    def sections(self, row: ProviderEvent) -> list[Section]:
        """Return what is being done about it."""
        return [
            trail.notices(id=row.id),
            trail.messages(listing.about([row.id]), timezone.now()),
            acts_on([row.id]),
        ]


def _referring(ids: list[UUID]) -> QuerySet[ProviderEvent]:
    return ProviderEvent.objects.filter(
        gateway__in=registry.names(), reference__in=[str(one) for one in ids]
    )


def events_of(payment: Payment, operations: list[UUID]) -> Section:
    """Return the provider events that refer to a payment."""
    refers = ProviderEvent.objects.filter(
        gateway=payment.gateway, reference__in=[str(one) for one in [payment.id, *operations]]
    ).order_by("id")
    return section(
        "Provider events",
        ("Event", "Kind", "Outcome", "Money", "Fate", "Why parked", "Received"),
        [
            (
                words.to(one),
                words.said(one.kind),
                words.said(one.outcome),
                words.amount(one.amount, one.currency),
                _fate(one),
                words.said(one.parked_reason),
                words.moment(one.received_at),
            )
            for one in refers[: ROWS_MAX + 1]
        ],
        "No provider has sent anything about it.",
    )


@board
def parked() -> list[Line]:
    """Return the front page's line of this room."""
    count = sampling.parked_events()
    address = reverse("admin:webhooks_providerevent_changelist") + "?view=parked"
    permission = "webhooks.view_providerevent"
    return [Line("Parked provider events", str(count), address, count > 0, permission)]


payments.MORE.append(events_of)
messages.KINDS.append(APPLY)
admin.site.register(Endpoint, EndpointPages)
admin.site.register(Delivery, DeliveryPages)
admin.site.register(DeliveryAttempt, DeliveryAttemptPages)
PAGES.update(provider_event="webhooks_providerevent", webhook_endpoint="webhooks_endpoint")
records.ABOUT["webhook_endpoint"] = "webhooks_endpoint"
messages.KINDS.append(DELIVER)
messages.SUBJECTS[DELIVER] = "webhooks_delivery"
messages.SUBJECTS[APPLY] = "webhooks_providerevent"
