"""The pages of disputes, which nobody here decides, and of what providers told of them."""

from typing import Any
from uuid import UUID

from django.contrib import admin

from core.desk import words
from core.desk.pages import ROWS_MAX, Section, Shown, section
from payments.desk import payments, trail
from payments.models import Dispute, DisputeFact, Payment


class _OfProvider(Shown):
    """Rows that have an amount, and belong to something else."""

    @admin.display(description="amount")
    def money(self, row: Any) -> str:
        """Return the amount with its currency."""
        return words.amount(row.amount, row.currency)


class DisputePages(_OfProvider):
    """Disputes, and what was said of one."""

    list_display = ("id", "payment_link", "mode", "state", "money", "opened", "decided")
    empty = "Nothing was disputed."
    search_help_text = "The whole id of a dispute, or of its payment."
    found_by = ("pk", "payment")

    @admin.display(description="payment")
    def payment_link(self, row: Dispute) -> Any:
        """Return what is disputed."""
        return words.link("payments_payment", row.payment_id)

    @admin.display(description="status")
    def state(self, row: Dispute) -> Any:
        """Return the status on its colour."""
        return words.tinted(row.status, trail.STATUS_TONES)

    @admin.display(description="opened")
    def opened(self, row: Dispute) -> str:
        """Return when it was told."""
        return words.moment(row.opened_at)

    @admin.display(description="decided")
    def decided(self, row: Dispute) -> str:
        """Return when its end was told."""
        return words.moment(row.decided_at)

    def fact(self, row: Dispute, one: Any) -> Any:
        """Return what one column says."""
        return self.state(row) if one.name == "status" else super().fact(row, one)

    def sections(self, row: Dispute) -> list[Section]:
        """Return what belongs to the dispute."""
        return [
            _facts(row),
            trail.history(dispute=row),
            trail.books([row.id]),
            payments.events([row.id]),
        ]


class DisputeFactPages(_OfProvider):
    """What providers said of disputes."""

    list_display = ("id", "dispute_link", "said", "money", "recorded")
    empty = "No provider has said anything of a dispute."
    search_help_text = "The whole id of a fact, or of its dispute."
    found_by = ("pk", "dispute")
    linked = {"id": "webhooks_providerevent"}  # noqa: RUF012 - Django's way

    @admin.display(description="dispute")
    def dispute_link(self, row: DisputeFact) -> Any:
        """Return what it is about."""
        return words.link("payments_dispute", row.dispute_id)

    @admin.display(description="recorded")
    def recorded(self, row: DisputeFact) -> str:
        """Return when it was written."""
        return words.moment(row.recorded_at)


def disputes_of(payment: Payment, operations: list[UUID]) -> Section:
    """Return a payment's disputes as a table."""
    found = Dispute.objects.filter(payment=payment).order_by("id")
    return section(
        "Disputes",
        ("Dispute", "Status", "Amount", "Reason", "Fee", "Provider id", "Opened", "Decided"),
        [
            (
                words.to(one),
                words.tinted(one.status, trail.STATUS_TONES),
                words.amount(one.amount, one.currency),
                words.said(one.reason),
                words.amount(one.fee, one.currency),
                words.foreign_id(one.provider_id),
                words.moment(one.opened_at),
                words.moment(one.decided_at),
            )
            for one in found[: ROWS_MAX + 1]
        ],
        "It was not disputed.",
    )


def _facts(dispute: Dispute) -> Section:
    found = DisputeFact.objects.filter(dispute=dispute).order_by("recorded_at", "id")
    return section(
        "What the provider said",
        ("Fact", "Told by", "Said", "Money", "Fee", "Reason", "Recorded"),
        [
            (
                words.to(one, "fact"),
                words.link("webhooks_providerevent", one.id, "event"),
                words.tinted(one.said, trail.STATUS_TONES),
                words.amount(one.amount, one.currency),
                words.amount(one.fee, one.currency),
                words.said(one.reason),
                words.moment(one.recorded_at),
            )
            for one in found[: ROWS_MAX + 1]
        ],
        "The provider has said nothing of it.",
    )


payments.MORE.append(disputes_of)
