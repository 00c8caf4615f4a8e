"""The page of one row: what it is, what belongs to it, and what may be done to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from core.desk.lists import Listed
from core.desk.words import column, link, page_of

# More than this of one thing on a page is not read by anybody.
ROWS_MAX = 200

Fact = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """A table on a page, or the sentence that says why there is none."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str
    note: str = ""


def section(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str, note: str = ""
) -> Section:
    """Return a table of at most ``ROWS_MAX`` rows that says so where it had more."""
    shown = list(rows)
    if len(shown) > ROWS_MAX:
        note = f"{note} Only the first {ROWS_MAX} are shown.".strip()
    return Section(title, columns, shown[:ROWS_MAX], empty, note)


@dataclass(frozen=True, slots=True)
class Act:
    """A button: what it is called, what it does in one sentence, and where it leads."""

    label: str
    explanation: str
    address: str


class Shown(Listed):
    """A list, and a page for each of its rows."""

    page_template = "desk/page.html"
    left_out: Sequence[str] = ("xid",)
    # Columns that hold the id of another room's row, and the page of that.
    linked: Mapping[str, str] = MappingProxyType({})

    def facts(self, row: Any) -> list[Fact]:
        """Return what the row itself says."""
        return [
            (str(one.verbose_name), self.fact(row, one))
            for one in self.opts.concrete_fields
            if one.name not in self.left_out
        ]

    def fact(self, row: Any, one: Any) -> Any:
        """Return what one column says."""
        if one.name in self.linked:
            return link(self.linked[one.name], getattr(row, one.name))
        return column(row, one)

    def sections(self, row: Any) -> list[Section]:
        """Return what belongs to the row."""
        return []

    def acts(self, request: HttpRequest, row: Any) -> list[Act]:
        """Return what this person may do here now."""
        return []

    def seen(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row of this page.

        :raises PermissionDenied: if this person may not see it
        :raises Http404: if there is none
        """
        row = self.get_object(request, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            message = f"There is no {self.opts.verbose_name} {object_id}."
            raise Http404(message)
        return row

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Lead to the page: it has the history that there is; Django's would be empty."""
        row = self.seen(request, object_id)
        return HttpResponseRedirect(reverse(f"admin:{page_of(self.model)}_change", args=[row.pk]))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the page."""
        row = self.seen(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{str(self.opts.verbose_name).capitalize()} {row.pk}",
            "opts": self.opts,
            "row": row,
            "facts": self.facts(row),
            "sections": self.sections(row),
            "acts": self.acts(request, row),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.page_template, context)
