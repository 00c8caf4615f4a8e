"""Replaying many messages: what would happen is shown first, and each answers for itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from core.audit import says_something
from core.desk import words
from core.desk.acts import Acting, Order, Refused
from core.desk.pages import Section, section
from outbox.models import Message
from payments.desk import deeds, trail
from payments.desk.finding import join_payments

TOGETHER_MAX = 100
_TO_CONFIRM = "replay"


@dataclass(frozen=True, slots=True)
class Ticked:
    """A message that somebody ticked, as they saw it."""

    id: UUID
    state: int
    epoch: int

    def __str__(self) -> str:
        return f"{self.id}:{self.state}:{self.epoch}"

    @classmethod
    def read(cls, text: str) -> "Ticked":
        """Return what a hidden field says.

        :raises ValueError: if it is none of ours
        """
        key, state, epoch = text.split(":")
        return cls(UUID(key), int(state), int(epoch))


class Together(Acting):
    """Adds the replay of ticked messages to their list."""

    actions: Sequence[str] = ("replay_ticked",)

    def get_urls(self) -> list[URLPattern]:
        """Add the page that carries a confirmed replay out."""
        view = self.admin_site.admin_view(self.replay_view)
        return [path("replay/", view, name="outbox_message_replay"), *super().get_urls()]

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Test whether this person may replay messages."""
        return request.user.has_perm(deeds.REPLAY.permission)

    def response_action(
        self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Refuse ids that no list of ours holds, and more at once than anybody can look at."""
        ticked = request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)
        try:
            wanted = {UUID(one) for one in ticked}
        except ValueError:
            messages.warning(request, "These are no messages of this list.")
            return None
        if len(wanted) > TOGETHER_MAX:
            messages.warning(request, f"At most {TOGETHER_MAX} messages are replayed together.")
            return None
        return super().response_action(request, queryset, *args, **kwargs)

    @admin.action(description="Replay the ticked messages …", permissions=["replay"])
    def replay_ticked(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        """Show what a replay of the ticked messages would do."""
        ticked = request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)
        found = list(Message.objects.filter(pk__in=ticked).order_by("-pk"))
        return self._confirm(request, found, is_reason_missing=False)

    def _confirm(
        self, request: HttpRequest, found: list[Message], *, is_reason_missing: bool
    ) -> HttpResponse:
        join_payments(found)
        fit = deeds.replayable(found)
        left = [one for one in found if one not in fit]
        context = {
            "title": f"Replay {len(fit)} messages",
            "ticked": [Ticked(one.id, one.state, one.epoch) for one in fit],
            "explanation": deeds.REPLAY.explanation,
            "sections": [
                _table("Would be made due now", fit, "None of them can be replayed."),
                _table("Would be left as they are", left, "All of them can be replayed."),
            ],
            "is_reason_missing": is_reason_missing,
        }
        return self._shown(request, context)

    def replay_view(self, request: HttpRequest) -> HttpResponse:
        """Replay each of the confirmed messages, and say which were refused."""
        if not (self.has_view_permission(request) and self.has_replay_permission(request)):
            raise PermissionDenied
        try:
            ticked = [Ticked.read(one) for one in request.POST.getlist("message")]
        except ValueError:
            ticked = []
        if not 0 < len(ticked) <= TOGETHER_MAX:
            return self._shown(request, {"title": "No message was named", "sections": []}, 400)
        reason = request.POST.get("reason", "").strip()
        if not says_something(reason):
            found = Message.objects.filter(pk__in=[one.id for one in ticked]).order_by("-pk")
            return self._confirm(request, list(found), is_reason_missing=True)
        refused = list(_replay(ticked, request.user.get_username(), reason))
        done = len(ticked) - len(refused)
        columns, empty = ("Message", "Why it was refused"), "None was refused."
        sections = [section("Refused, and left as they are", columns, refused, empty)]
        return self._shown(request, {"title": f"{done} messages are due now", "sections": sections})

    def _shown(
        self, request: HttpRequest, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        about = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "list": reverse("admin:outbox_message_changelist"),
            "address": reverse("admin:outbox_message_replay"),
        }
        return TemplateResponse(request, "desk/together.html", {**about, **context}, status=status)


def _replay(ticked: Iterable[Ticked], actor: str, reason: str) -> Iterable[tuple[Any, str]]:
    for one in ticked:
        seen = {"state": one.state, "epoch": one.epoch}
        try:
            deeds.REPLAY.carry_out(Order(one.id, seen, actor, reason))
        except Refused as refused:
            yield words.link("outbox_message", one.id), str(refused)


def _table(title: str, found: list[Message], empty: str) -> Section:
    return section(
        f"{title}: {len(found)}",
        ("Message", "Kind", "State", "Epoch", "Last error", "Payment"),
        [
            (
                words.to(one),
                one.kind,
                trail.state(one),
                one.epoch,
                words.said(one.last_error, 120),
                words.link("payments_payment", one.payment_id),  # type: ignore[attr-defined]  # joined
            )
            for one in found
        ],
        empty,
    )
