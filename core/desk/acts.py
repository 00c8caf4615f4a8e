"""What operators do: each act has its permission, its confirmation page and its reason.

The page carries what the person saw. An act on what has changed since is refused, and says what
changed; so a page that stood open over lunch cannot undo what somebody else did.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from core.audit import ActRefused, AuditEntry, says_something
from core.desk.pages import ROWS_MAX, Act, Section, Shown, section
from core.desk.words import moment, page_of, said, to
from core.kill_points import reached

Seen = Mapping[str, Any]


class Refused(Exception):
    """The act is not possible any more; says what changed."""


@dataclass(frozen=True, slots=True)
class Order:
    """An act that somebody asked for: on what, as they saw it, who, and why."""

    id: UUID
    seen: Seen
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deed:
    """An act that a page offers.

    ``explanation`` says in a sentence what it does. ``carry_out`` returns what was done, in a
    sentence, or raises ``Refused``.
    """

    name: str
    label: str
    explanation: str
    permission: str
    is_offered: Callable[[Any], bool]
    carry_out: Callable[[Order], str]


def refusing(act: Callable[[Order], str]) -> Callable[[Order], str]:
    """Return the act as a page carries it out: what refuses it is told there."""

    def carry_out(order: Order) -> str:
        try:
            return act(order)
        except ActRefused as refused:
            raise Refused(str(refused)) from None

    return carry_out


def acts_on(subjects: Iterable[Any]) -> Section:
    """Return what people did to these, the last act first."""
    ids = [str(subject) for subject in subjects]
    found = AuditEntry.objects.filter(subject_id__in=ids).order_by("-id")
    return section(
        "Acts of operators",
        ("When", "Who", "Act", "On", "Why", "What changed"),
        [
            (
                to(one, moment(one.at)),
                one.actor,
                one.action,
                one.subject_type,
                said(one.reason),
                said(_changed(one.before, one.after)),
            )
            for one in found[: ROWS_MAX + 1]
        ],
        "Nobody has done anything here by hand.",
    )


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}: {before[name]} → {value}" if name in before else f"{name}: {value}"
        for name, value in after.items()
        if name not in before or before[name] != value
    )


class Acting(Shown):
    """Pages with buttons."""

    deeds: Sequence[Deed] = ()
    # The whole numbers that say how the row stood when somebody looked at it.
    watched: Sequence[str] = ()

    def sight(self, row: Any) -> str:
        """Return a mark of what else the page shows that an act may depend on."""
        return ""

    def get_urls(self) -> list[URLPattern]:
        """Add a page for each act."""
        name = f"{page_of(self.model)}_act"
        view = self.admin_site.admin_view(self.act_view)
        return [path("<uuid:object_id>/act/<slug:act>/", view, name=name), *super().get_urls()]

    def acts(self, request: HttpRequest, row: Any) -> list[Act]:
        """Return what this person may do here now."""
        return [
            Act(deed.label, deed.explanation, self._address(row, deed))
            for deed in self.deeds
            if deed.is_offered(row) and request.user.has_perm(deed.permission)
        ]

    def _address(self, row: Any, deed: Deed) -> str:
        base = reverse(f"admin:{page_of(self.model)}_act", args=[row.pk, deed.name])
        seen = {name: getattr(row, name) for name in self.watched}
        return f"{base}?{urlencode({**seen, 'sight': self.sight(row)})}"

    def act_view(self, request: HttpRequest, object_id: UUID, act: str) -> HttpResponse:
        """Ask for a reason, then act."""
        row = self.seen(request, str(object_id))
        deed = self._deed(request, act)
        form = request.POST if request.method == "POST" else request.GET
        seen, reason = self._seen(form), form.get("reason", "").strip()
        refusal = "" if request.method == "POST" else self._stale(row, deed, seen)
        if request.method == "POST" and says_something(reason):
            order = Order(row.pk, seen, request.user.get_username(), reason)
            try:
                done = deed.carry_out(order)
            except Refused as refused:
                refusal, row = str(refused), self.seen(request, str(object_id))
            else:
                reached("admin.before_answer")
                messages.success(request, done)
                return HttpResponseRedirect(self._page(row))
        context = {
            **self.admin_site.each_context(request),
            "title": f"{deed.label}: {row}",
            "opts": self.opts,
            "row": row,
            "deed": deed,
            "seen": seen,
            "facts": self.facts(row),
            "refusal": refusal,
            "is_reason_missing": request.method == "POST" and not says_something(reason),
            "page": self._page(row),
        }
        status = 409 if refusal else 200
        return TemplateResponse(request, "desk/confirm.html", context, status=status)

    def _stale(self, row: Any, deed: Deed, seen: Seen) -> str:
        """Return why this cannot be done any more, before anybody has written a reason."""
        now = {**{name: getattr(row, name) for name in self.watched}, "sight": self.sight(row)}
        if not deed.is_offered(row):
            return "this cannot be done to it as it is now"
        return "" if now == seen else "it has changed since you saw it"

    def _deed(self, request: HttpRequest, name: str) -> Deed:
        for deed in self.deeds:
            if deed.name == name:
                if not request.user.has_perm(deed.permission):
                    raise PermissionDenied
                return deed
        raise Http404

    def _seen(self, form: QueryDict) -> dict[str, Any]:
        try:
            seen = {name: int(str(form[name])) for name in self.watched}
        except (KeyError, ValueError):
            message = "This page is reached by the button on another one."
            raise Http404(message) from None
        return {**seen, "sight": form.get("sight", "")}

    def _page(self, row: Any) -> str:
        return reverse(f"admin:{page_of(self.model)}_change", args=[row.pk])
