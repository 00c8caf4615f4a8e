"""The first and the last code a request meets: its identity, its one log line, its refusals."""

import re
import time
from collections.abc import Callable
from functools import cache

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError

from core import request_limits
from core.desk import errors
from core.errors import (
    CONTENT_TYPE,
    OF_STATUS,
    Problem,
    problem_for,
    problem_http_response,
    set_origin,
)
from core.ids import uuid7_text
from core.logging import bind, get_logger, unbind_all
from core.metrics import REQUEST_SECONDS, REQUESTS
from core.redaction import clean

log = get_logger(__name__)
Next = Callable[[HttpRequest], HttpResponseBase]

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
DESK = "/admin/"
# People look at these, so their errors stay pages.
_PAGES = (DESK, "/api/docs/")
# Asked every few seconds by machines, by whatever name they know us.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_KEPT_HEADERS = ("Allow", "WWW-Authenticate", "Retry-After")


def _request_id(request: HttpRequest) -> str:
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    if _REQUEST_ID.fullmatch(given) and clean(given) == given:
        return str(given)
    return uuid7_text()


def _is_page(request: HttpRequest) -> bool:
    return request.path_info.startswith(_PAGES)


class RequestContext:
    """Gives a request its id, counts it, logs it once, and turns any error into a problem."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        request_id = _request_id(request)
        request.request_id = request_id  # type: ignore[attr-defined]  # what the context is for
        unbind_all()
        bind(request_id=request_id)
        set_origin("")
        try:
            response = self._answer(request)
            response["X-Request-Id"] = request_id
            if not response.streaming:
                response["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]
            self._record(request, response, time.perf_counter() - began)
        finally:
            set_origin("")
            unbind_all()
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            if request.path_info not in _PROBES:
                set_origin(f"{request.scheme}://{request.get_host()}")
        except SuspiciousOperation:
            problem = Problem("invalid-header", "This host name is not served here.")
            return problem_http_response(problem, request.request_id)  # type: ignore[attr-defined]
        return self._as_problem(request, self.get_response(request))

    def _as_problem(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Translate an error some other code put into words (or a debug page) of its own."""
        status = response.status_code
        known = response.get("Content-Type", "").startswith(CONTENT_TYPE)
        if status < 400 or known or _is_page(request):  # noqa: PLR2004 - RFC 9110
            return response
        slug = OF_STATUS.get(status, "internal-error" if status >= 500 else "validation-error")  # noqa: PLR2004
        headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
        response.close()
        problem = Problem(slug, headers=headers)
        return problem_http_response(problem, request.request_id)  # type: ignore[attr-defined]

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse | None:
        """Answer for a view that raised; the desk in words of its own, other pages in Django's."""
        if request.path_info.startswith(DESK):
            return errors.page_for(request, exc)
        if _is_page(request):
            return None
        problem = problem_for(exc)
        if problem is None:
            log.error("request.failed", exc_info=exc)
            problem = Problem("internal-error")
        return problem_http_response(problem, request.request_id)  # type: ignore[attr-defined]

    @staticmethod
    def _record(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
        match = request.resolver_match
        route = match.route if match else "unmatched"
        method = request.method if request.method in _METHODS else "other"
        _requests(method, route, response.status_code).inc()
        _request_seconds(route).observe(seconds)
        line = log.debug if request.path_info in _PROBES else log.info
        line(
            "request.done",
            method=method,
            route=route,
            status=response.status_code,
            ms=round(seconds * 1000, 1),
        )


# Routes, methods and statuses are few; a look-up by labels takes a lock and makes texts.
_requests = cache(REQUESTS.labels)
_request_seconds = cache(REQUEST_SECONDS.labels)


class StrictRequest:
    """Refuses what no view should have to read: too much, encoded, cut short, or card data."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            request_limits.check(request)
        except (Problem, SuspiciousOperation, UnreadablePostError) as exc:
            problem = problem_for(exc) or Problem("validation-error")
            if request.path_info.startswith(DESK):
                return errors.page_of_problem(problem)
            return problem_http_response(problem, request.request_id)  # type: ignore[attr-defined]
        return self.get_response(request)
