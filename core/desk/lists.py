"""Lists that stay quick however long they get: no counts, no offsets, no lookups of one's own."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest

PAGE = 50
AFTER = "after"

Page = tuple[list[Any], str | None]


class Bounded(ChangeList):
    """A list that reads one page and knows where the next one begins, and nothing else."""

    model_admin: "Listed"

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        """Keep our place in the list out of the filters, and of the links that change them."""
        self.after = self.params.pop(AFTER, "")
        self.filter_params.pop(AFTER, None)
        return super().get_queryset(request, exclude_parameters)

    def get_filters(self, request: HttpRequest) -> Any:
        """Return our filters.

        :raises IncorrectLookupParameters: if the address names another one
        """
        try:
            return super().get_filters(request)
        except DisallowedModelAdminLookup:
            raise IncorrectLookupParameters from None

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        """Return the one order that an index has."""
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        """Read one page.

        :raises IncorrectLookupParameters: if the place in the list is not one we gave
        """
        try:
            found, self.next_place = self.model_admin.page(request, self, self.after)
        except ValueError:
            raise IncorrectLookupParameters from None
        self.result_list = self.model_admin.joined(found)
        self.result_count = len(found)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = bool(found)
        self.can_show_all = self.multi_page = False
        self.paginator = None

    @property
    def next_link(self) -> str:
        """Return the address of the next page, or nothing."""
        return self.get_query_string({AFTER: self.next_place}) if self.next_place else ""

    @property
    def first_link(self) -> str:
        """Return the address of the first page, or nothing if this is it."""
        return self.get_query_string() if self.after else ""


class View(admin.SimpleListFilter):
    """A choice that always has a value: the first one, unless another is chosen."""

    def value(self) -> str:
        """Return what is chosen."""
        names = [str(name) for name, _ in self.lookup_choices]
        chosen = super().value()
        return chosen if chosen in names else names[0]

    def choices(self, changelist: Any) -> Any:
        """Return the choices without Django's "All", which would be no bounded one."""
        for name, title in self.lookup_choices:
            yield {
                "selected": self.value() == str(name),
                "query_string": changelist.get_query_string({self.parameter_name: name}),
                "display": title,
            }


class Listed(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """A list that is only read."""

    change_list_template = "desk/list.html"
    list_per_page = PAGE
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    actions: Sequence[str] = ()
    # Exact ids only: each of these has an index.
    found_by: Sequence[str] = ("pk",)
    search_fields = ("pk",)
    search_help_text = "A whole id."
    empty = "There is nothing here."

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the bounded list."""
        return Bounded

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the list, or say in a sentence that it is empty."""
        if ERROR_FLAG in request.GET:
            messages.warning(
                request,
                "The address named a filter, or a place in the list, that there is not."
                " This is the list without it.",
            )
        title = str(self.opts.verbose_name_plural).capitalize()
        about = {"empty": self.empty, "title": title, **(extra_context or {})}
        return super().changelist_view(request, about)

    def page(self, request: HttpRequest, listed: Bounded, after: str) -> Page:
        """Return one page, and where the next one begins.

        :raises ValueError: if ``after`` is no place in this list
        """
        queryset = listed.queryset
        if after:
            queryset = queryset.filter(pk__lt=UUID(after))
        found = list(queryset[: self.list_per_page + 1])
        shown = found[: self.list_per_page]
        return shown, str(shown[-1].pk) if len(found) > len(shown) else None

    def get_paginator(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse what Django would count a table for: our lists have no use of it.

        :raises Http404: always; only the completion of names comes here
        """
        raise Http404

    def joined(self, found: list[Any]) -> list[Any]:
        """Add to the rows of a page what its columns need, in a fixed number of queries."""
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Find by a whole id, or say that it takes one."""
        if not search_term.strip():
            return queryset, False
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            messages.warning(request, "The search takes a whole id, and nothing else.")
            return queryset.none(), False
        return self.find(queryset, wanted), False

    def find(self, queryset: QuerySet[Model], wanted: UUID) -> QuerySet[Model]:
        """Return the rows that have this id."""
        matches = Q()
        for column in self.found_by:
            matches |= Q(**{column: wanted})
        return queryset.filter(matches)

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Allow our filters only: any other lookup could be one without an index."""
        ours = {getattr(one, "parameter_name", None) for one in self.get_list_filter(request)}
        return lookup in ours

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a row by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a row by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes a row by hand."""
        return False
