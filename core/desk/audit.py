"""The page of the audit log: who did what, when, and why; and of answers given once."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from core.audit import AuditEntry
from core.db import rows
from core.desk import words
from core.desk.lists import View
from core.desk.pages import Shown
from core.models import IdempotencyRecord

# Where the subjects of acts are shown; rooms above this one add theirs.
PAGES: dict[str, str] = {"merchant": "core_merchant", "api_key": "core_apikey",
                         "user": "auth_user", "group": "auth_group"}  # fmt: skip

_TIMES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}

# A loose index scan: one probe for each value, however many rows have it.
_VALUES = """
    WITH RECURSIVE found (value) AS (
        SELECT min({column}) FROM core_auditentry
        UNION ALL
        SELECT (SELECT min({column}) FROM core_auditentry WHERE {column} > found.value)
        FROM found WHERE found.value IS NOT NULL)
    SELECT value FROM found WHERE value IS NOT NULL
"""


class _Column(View):
    """Acts that have one value in a column."""

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the values that there are."""
        found = rows(_VALUES.format(column=self.parameter_name))
        return [("", "any"), *((value, value) for (value,) in found)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        chosen = {str(self.parameter_name): self.value()}
        return queryset.filter(**chosen) if self.value() else queryset


class Actor(_Column):
    """Acts of one person."""

    title = parameter_name = "actor"


class Action(_Column):
    """Acts of one kind."""

    title = parameter_name = "action"


class Since(View):
    """Acts since some time ago."""

    title, parameter_name = "time", "since"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Return the times."""
        return [("", "any"), *((name, f"the last {name}") for name in _TIMES)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        return queryset.filter(at__gte=Now() - _TIMES[self.value()]) if self.value() else queryset


class AuditPages(Shown):
    """What people did."""

    list_display = ("moment", "actor", "action", "subject", "why")
    list_filter = (Actor, Action, Since)
    search_help_text = "The whole id of an act, or of what it was done to."
    empty = "Nobody has done anything by hand, or the filters leave it out."

    @admin.display(description="when")
    def moment(self, row: AuditEntry) -> str:
        """Return when it was done."""
        return words.moment(row.at)

    @admin.display(description="on")
    def subject(self, row: AuditEntry) -> Any:
        """Return what it was done to."""
        return words.link(
            PAGES.get(row.subject_type, ""), row.subject_id, f"{row.subject_type} {row.subject_id}"
        )

    @admin.display(description="why")
    def why(self, row: AuditEntry) -> str:
        """Return the reason that was given."""
        return words.said(row.reason, 120)

    def find(self, queryset: QuerySet[Any], wanted: Any) -> QuerySet[Any]:
        """Return the act that has this id, and those on what has it."""
        return queryset.filter(pk=wanted) | queryset.filter(subject_id=str(wanted))

    def fact(self, row: AuditEntry, one: Any) -> Any:
        """Return what one column says."""
        return self.subject(row) if one.name == "subject_id" else super().fact(row, one)


class AnswerPages(Shown):
    """Answers that were given under an idempotency key, without the answers themselves."""

    list_display = ("id", "merchant_id", "mode", "key", "status", "resource_id", "created")
    search_help_text = "The whole id of a stored answer."
    empty = "No request with an idempotency key was answered yet."
    left_out = ("body", "xid")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the records, without what the operator's role may not read."""
        return super().get_queryset(request).defer("body")

    @admin.display(description="created")
    def created(self, row: IdempotencyRecord) -> str:
        """Return when it was given."""
        return words.moment(row.created_at)
