"""The desk's page of lapses. Messages are shown by the room that knows what they are about."""

from typing import Any

from django.contrib import admin

from core.desk import words
from core.desk.pages import Shown
from outbox.models import Lapse


@admin.register(Lapse)
class LapsePages(Shown):
    """Starts whose lease ran out."""

    list_display = ("id", "message", "epoch", "worker", "alone", "started", "swept")
    search_help_text = "The whole id of a lapse, or of its message."
    empty = "No worker has died or frozen at work."
    found_by = ("pk", "message_id")
    linked = {"message_id": "outbox_message"}  # noqa: RUF012 - Django's way

    @admin.display(description="message")
    def message(self, row: Lapse) -> Any:
        """Return which message lapsed."""
        return words.link("outbox_message", row.message_id)

    @admin.display(description="started")
    def started(self, row: Lapse) -> str:
        """Return when the worker began."""
        return words.moment(row.started_at)

    @admin.display(description="swept")
    def swept(self, row: Lapse) -> str:
        """Return when that was noticed."""
        return words.moment(row.swept_at)
