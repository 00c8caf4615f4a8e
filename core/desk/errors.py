"""What goes wrong at the desk, in words: what it means, what to do, and the way back."""

from collections.abc import ItemsView
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.defaultfilters import pprint
from django.template.loader import render_to_string
from django.views.debug import SafeExceptionReporterFilter

from core.errors import Problem
from core.logging import get_logger
from core.redaction import clean

log = get_logger(__name__)

_NOTHING = (
    404,
    "There is nothing here",
    "No page has this address, or the row is gone: what is done is kept for a while only.",
)
_NOT_ALLOWED = (
    403,
    "You may not do this",
    "Nothing was done. Whoever looks after users can give you the permission.",
)
_AWAY = (
    503,
    "The database cannot be reached",
    "Try again in a moment, but look first at what you were doing: all of it was done, or nothing.",
)
_STRANGE = (400, "This is none of the desk's addresses or forms", "Nothing was done.")
_STALE = (
    403,
    "This page is older than your login",
    "Nothing was done. Go back, reload the page, and look whether it is still as you saw it.",
)
_SAYS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], tuple[int, str, str]], ...] = (
    (Http404, _NOTHING),
    (PermissionDenied, _NOT_ALLOWED),
    ((OperationalError, InterfaceError), _AWAY),
    ((SuspiciousOperation, BadRequest), _STRANGE),
)


def page(status: int, title: str, advice: str) -> HttpResponse:
    """Return a page that needs neither the database nor to know who asks."""
    about = {"site_header": admin.site.site_header, "site_title": admin.site.site_title}
    text = render_to_string("desk/error.html", {**about, "title": title, "advice": advice})
    headers = {"Retry-After": "1"} if status == _AWAY[0] else {}
    return HttpResponse(text, status=status, headers=headers)


def page_for(request: HttpRequest, exc: Exception) -> HttpResponse | None:
    """Return what a person is told of an exception; None leaves a bug to Django, under DEBUG."""
    for kinds, says in _SAYS:
        if isinstance(exc, kinds):
            if says is _AWAY:
                log.warning("database.unavailable", error=str(exc))
            return page(*says)
    if settings.DEBUG:
        return None
    log.error("request.failed", exc_info=exc)
    request_id = request.request_id  # type: ignore[attr-defined]  # core.middleware sets it
    return page(500, "This should not happen", f"It is in the log under the request {request_id}.")


def page_of_problem(problem: Problem) -> HttpResponse:
    """Return what a person is told of a request that was refused by its outside."""
    return page(problem.status, problem.title, problem.detail)


def stale(_request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without the token of this login; Django calls it ``CSRF_FAILURE_VIEW``."""
    return page(*_STALE)


class _Written(str):
    """A value that is shown as it is written."""

    __slots__ = ()

    __repr__ = str.__str__


class ReporterFilter(SafeExceptionReporterFilter):
    """Takes out of Django's page of an error what must not be read, whatever its name is."""

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        """Return a setting, or a part of a request, as it may be shown."""
        cleansed = super().cleanse_setting(key, value)
        return clean(cleansed) if isinstance(cleansed, str) else cleansed

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Return a form as it may be shown."""
        found = super().get_post_parameters(request)
        return {name: self.cleanse_setting(name, value) for name, value in found.items()}

    def get_traceback_frame_variables(
        self, request: HttpRequest, tb_frame: Any
    ) -> ItemsView[str, Any]:
        """Return what a function held as it may be shown."""
        found = super().get_traceback_frame_variables(request, tb_frame)
        return {str(name): _Written(clean(str(pprint(value)))) for name, value in found}.items()
