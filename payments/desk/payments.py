"""The pages of payments, refunds and operations."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from core.desk import merchants, words
from core.desk.acts import Acting, acts_on
from core.desk.lists import View
from core.desk.pages import ROWS_MAX, Section, Shown, section
from core.models import Merchant, Mode
from payments.desk import trail
from payments.desk.deeds import END_REVIEW
from payments.desk.finding import messages_of
from payments.desk.story import story
from payments.models import Event, Operation, Payment, Refund
from payments.operating import sight_of

# What rooms above this one have to say of a payment and its operations.
MORE: list[Callable[[Payment, list[UUID]], Section]] = []


class Attention(View):
    """Payments that somebody should look at, or all of them."""

    title = "view"
    parameter_name = "view"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the views; each but the first has a partial index."""
        return [("all", "newest"), ("review", "needs review"), ("unknown", "outcome unknown")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        match self.value():
            case "review":
                return queryset.filter(needs_review=True)
            case "unknown":
                return queryset.filter(outcome_unknown_since__isnull=False)
        return queryset


class Whose(View):
    """Payments of one merchant in one mode, which has an index; its page leads here."""

    title = "merchant"
    parameter_name = "of"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the modes of the merchant that the address names."""
        try:
            named = UUID(request.GET.get("of", "").partition(":")[0])
        except ValueError:
            return [("", "any")]
        found = Merchant.objects.filter(id=named)
        modes = [(f"{one.id}:{mode}", f"{one.name}, {mode}") for one in found for mode in Mode]
        return [("", "any"), *modes]

    def has_output(self) -> bool:
        """Tell whether there is anything to choose."""
        return len(self.lookup_choices) > 1

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        merchant, _, mode = self.value().partition(":")
        return queryset.filter(merchant=merchant, mode=mode) if merchant else queryset


def lists_of(merchant: Merchant) -> Section:
    """Return where a merchant's payments are."""
    base = reverse("admin:payments_payment_changelist")
    return section(
        "Payments",
        ("Mode", "List"),
        [
            (mode, format_html('<a href="{}?of={}:{}">newest first</a>', base, merchant.pk, mode))
            for mode in Mode
        ],
        "",
    )


merchants.MORE.append(lists_of)


class Statused(Acting):
    """Rows that have an amount and a status."""

    @admin.display(description="status")
    def state(self, row: Any) -> Any:
        """Return the status on its colour."""
        return words.tinted(row.status, trail.STATUS_TONES)

    @admin.display(description="amount")
    def money(self, row: Any) -> str:
        """Return the amount with its currency."""
        return words.amount(row.amount, row.currency)

    @admin.display(description="created")
    def created(self, row: Any) -> str:
        """Return when it was made."""
        return words.moment(row.created_at)

    def fact(self, row: Any, one: Any) -> Any:
        """Return what one column says."""
        return self.state(row) if one.name == "status" else super().fact(row, one)


class PaymentPages(Statused):
    """Payments, and everything that belongs to one."""

    deeds = (END_REVIEW,)
    watched = ("version",)

    list_display = ("id", "state", "attention", "money", "merchant_link", "mode", "gateway",
                    "created")  # fmt: skip
    list_filter = (Attention, Whose)
    list_select_related = ("merchant",)
    search_help_text = "The whole id of a payment, or of an operation or refund of it."
    empty = "No payment is like this."
    linked = {"review_operation": "payments_operation"}  # noqa: RUF012 - Django's way

    @admin.display(description="merchant")
    def merchant_link(self, row: Payment) -> Any:
        """Return whose payment it is."""
        return words.to(row.merchant, row.merchant.name)

    def fact(self, row: Payment, one: Any) -> Any:
        """Return what one column says."""
        if one.name == "merchant":
            return format_html("{} {}", words.to(row.merchant, row.merchant.name), row.merchant_id)
        if one.name == "needs_review" and row.needs_review:
            return words.mark("needs review", "bad")
        return super().fact(row, one)

    def sight(self, row: Payment) -> str:
        """Return the mark of all that there is to judge."""
        return sight_of(row) if row.needs_review else ""

    @admin.display(description="attention")
    def attention(self, row: Payment) -> Any:
        """Return why somebody should look, if somebody should."""
        if row.needs_review:
            why = words.said(row.review_reason, 120)
            mark = words.mark("needs review", "bad")
            return format_html('{} <span class="why">{}</span>', mark, why)
        return words.mark("unknown", "warn") if row.outcome_unknown_since else words.NOTHING

    def find(self, queryset: QuerySet[Any], wanted: UUID) -> QuerySet[Any]:
        """Return the payment that an id is of, or belongs to."""
        ids = {wanted}
        ids |= set(Operation.objects.filter(id=wanted).values_list("payment_id", flat=True))
        ids |= set(Refund.objects.filter(id=wanted).values_list("payment_id", flat=True))
        return queryset.filter(pk__in=ids)

    def sections(self, row: Payment) -> list[Section]:
        """Return everything that belongs to the payment."""
        operations = list(row.operations.order_by("id")[:ROWS_MAX])
        refunds = list(row.refunds.select_related("operation").order_by("id")[:ROWS_MAX])
        ids, sources = [one.id for one in operations], [row.id, *(one.id for one in refunds)]
        sources += row.disputes.order_by("id").values_list("id", flat=True)[:ROWS_MAX]
        messages = messages_of(ids)
        return [
            trail.operations(operations),
            trail.attempts(ids),
            refunds_of(refunds),
            trail.history(payment=row),
            trail.messages(messages, timezone.now()),
            trail.notices(operation__in=ids),
            *(more(row, ids) for more in MORE),
            trail.books([*sources, *trail.surplus(ids)]),
            events(sources),
            acts_on([row.id, *ids, *(message.id for message in messages)]),
            story(row),
        ]


class RefundPages(Statused):
    """Refunds, and what carried one out."""

    list_display = ("id", "payment_link", "mode", "state", "money", "created")
    empty = "Nobody has asked for a refund."
    search_help_text = "The whole id of a refund, or of its payment."
    found_by = ("pk", "payment")

    @admin.display(description="payment")
    def payment_link(self, row: Refund) -> Any:
        """Return what is refunded."""
        return words.link("payments_payment", row.payment_id)

    def sections(self, row: Refund) -> list[Section]:
        """Return what belongs to the refund."""
        operations = list(Operation.objects.filter(refund=row))
        ids = [one.id for one in operations]
        return [
            trail.operations(operations),
            trail.attempts(ids),
            trail.history(refund=row),
            trail.messages(messages_of(ids), timezone.now()),
            trail.notices(operation__in=ids),
            trail.books([row.id, *trail.surplus(ids)]),
            events([row.id]),
        ]


class OperationPages(Shown):
    """Operations, and every call that was made for one."""

    list_display = ("id", "payment_link", "kind", "standing", "money", "gateway", "created")
    empty = "There is no operation yet."
    search_help_text = "The whole id of an operation, or of its payment."
    found_by = ("pk", "payment")

    @admin.display(description="payment")
    def payment_link(self, row: Operation) -> Any:
        """Return what it belongs to."""
        return words.link("payments_payment", row.payment_id)

    @admin.display(description="state")
    def standing(self, row: Operation) -> Any:
        """Return the state on its colour."""
        return words.tinted(row.state, trail.STATUS_TONES)

    @admin.display(description="amount")
    def money(self, row: Operation) -> str:
        """Return the amount with its currency."""
        return words.amount(row.amount, row.currency)

    @admin.display(description="created")
    def created(self, row: Operation) -> str:
        """Return when it was made."""
        return words.moment(row.created_at)

    def sections(self, row: Operation) -> list[Section]:
        """Return what was asked and heard."""
        return [
            trail.attempts([row.id]),
            trail.notices(operation=row),
            trail.messages(messages_of([row.id]), timezone.now()),
        ]


def refunds_of(found: list[Refund]) -> Section:
    """Return refunds as a table."""
    return section(
        "Refunds",
        ("Refund", "Status", "Amount", "Made by", "Reason", "Failure", "Asked"),
        [
            (
                words.to(one),
                words.tinted(one.status, trail.STATUS_TONES),
                words.amount(one.amount, one.currency),
                one.operation.origin.label,
                words.said(one.reason),
                words.said(one.failure_code),
                words.moment(one.created_at),
            )
            for one in found
        ],
        "Nothing was refunded.",
    )


def events(aggregates: list[UUID]) -> Section:
    """Return what merchants can learn of these payments and refunds."""
    found = Event.objects.filter(aggregate_id__in=aggregates).order_by("id")
    return section(
        "Events",
        ("Event", "Type", "Version", "When"),
        [
            (words.to(one), one.type, one.version, words.moment(one.created_at))
            for one in found[: ROWS_MAX + 1]
        ],
        "There is nothing to tell the merchant.",
    )
