"""The pages of what is only ever written: attempts, notices, steps, events."""

from typing import Any

from django.contrib import admin

from core.desk import words
from core.desk.pages import Shown
from payments.desk import trail
from payments.models import Attempt, Event, Notice, StatusChange

# Pages of rooms above this one, by what their events are about.
ABOUT: dict[str, str] = {}


class AttemptPages(Shown):
    """Calls to providers."""

    list_display = ("id", "operation_link", "kind", "asked", "answered", "outcome_mark", "code")
    empty = "No provider was ever called."
    search_help_text = "The whole id of an attempt, or of its operation."
    found_by = ("pk", "operation")
    linked = {"message_id": "outbox_message"}  # noqa: RUF012 - Django's way

    @admin.display(description="operation")
    def operation_link(self, row: Attempt) -> Any:
        """Return what was asked for."""
        return words.link("payments_operation", row.operation_id)

    @admin.display(description="asked")
    def asked(self, row: Attempt) -> str:
        """Return when the call was intended."""
        return words.moment(row.intended_at)

    @admin.display(description="answered")
    def answered(self, row: Attempt) -> str:
        """Return when the answer was written."""
        return words.moment(row.answered_at)

    @admin.display(description="outcome")
    def outcome_mark(self, row: Attempt) -> Any:
        """Return the outcome on its colour."""
        return trail.outcome(row)


class NoticePages(Shown):
    """What providers said unasked, as far as it fits an operation."""

    list_display = ("id", "operation_link", "outcome", "money", "recorded")
    empty = "No provider has said anything unasked."
    search_help_text = "The whole id of a notice, or of its operation."
    found_by = ("pk", "operation")
    linked = {"id": "webhooks_providerevent"}  # noqa: RUF012 - Django's way

    @admin.display(description="operation")
    def operation_link(self, row: Notice) -> Any:
        """Return what it is about."""
        return words.link("payments_operation", row.operation_id)

    @admin.display(description="money")
    def money(self, row: Notice) -> str:
        """Return the amount that was named."""
        return words.amount(row.amount, row.currency)

    @admin.display(description="recorded")
    def recorded(self, row: Notice) -> str:
        """Return when it was written."""
        return words.moment(row.recorded_at)


class StatusChangePages(Shown):
    """Steps in the lives of payments and refunds."""

    list_display = ("id", "payment_link", "before", "step", "cause", "when")
    empty = "No status has ever changed."
    search_help_text = "The whole id of a step, or of its payment."
    found_by = ("pk", "payment")

    @admin.display(description="payment")
    def payment_link(self, row: StatusChange) -> Any:
        """Return whose step it is."""
        return words.link("payments_payment", row.payment_id)

    @admin.display(description="after")
    def step(self, row: StatusChange) -> Any:
        """Return the new status on its colour."""
        return words.tinted(row.after, trail.STATUS_TONES)

    @admin.display(description="at")
    def when(self, row: StatusChange) -> str:
        """Return when it was taken."""
        return words.moment(row.at)

    def fact(self, row: StatusChange, one: Any) -> Any:
        """Return what one column says."""
        if one.name == "cause_id":
            return trail.cause(row.cause, row.cause_id, row.cause_id)
        return super().fact(row, one)


class EventPages(Shown):
    """What merchants can learn."""

    list_display = ("id", "merchant_link", "mode", "type", "about", "when")
    list_select_related = ("merchant",)
    empty = "There is nothing to tell anybody."
    search_help_text = "The whole id of an event, or of its payment or refund."
    found_by = ("pk", "aggregate_id")

    @admin.display(description="merchant")
    def merchant_link(self, row: Event) -> Any:
        """Return whom it is for."""
        return words.to(row.merchant, row.merchant.name)

    @admin.display(description="about")
    def about(self, row: Event) -> Any:
        """Return what it is about."""
        page = ABOUT.get(row.aggregate_type, f"payments_{row.aggregate_type}")
        return words.link(page, row.aggregate_id)

    @admin.display(description="at")
    def when(self, row: Event) -> str:
        """Return when it was written."""
        return words.moment(row.created_at)

    def fact(self, row: Event, one: Any) -> Any:
        """Return what one column says."""
        return self.about(row) if one.name == "aggregate_id" else super().fact(row, one)
