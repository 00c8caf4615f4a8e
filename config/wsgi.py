"""What a server of WSGI calls."""

import os
from collections.abc import Iterable
from threading import local
from typing import Any

from django.conf import settings
from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connections, reset_queries
from django.http import HttpResponse
from django.urls import base as urls

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a request.

    What is not a stream is handed over whole, because granian has a shorter way for a list. It
    would not close the answer then, so that is done before.
    """
    response = _django(environ, start_response)
    if not isinstance(response, HttpResponse):
        return response
    try:
        return [response.content]
    finally:
        response.close()


def _leave_out() -> None:
    """Spare each request what this project has no use for, a tenth of what its views cost.

    Connections are looked at when an answer is there; the next request of a thread finds them as
    that left them. There are no caches, and queries are kept by ``DEBUG`` alone.
    """
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_caches)
    if not settings.DEBUG:
        request_started.disconnect(reset_queries)


def _keep_by_thread() -> None:
    """Keep by thread alone what Django keeps for a thread or a task.

    There are no tasks here, and telling the two apart costs more than all that is kept: asgiref
    looks for a running loop, or takes a lock and copies what there is, at every use.
    """
    if not connections.all(initialized_only=True):
        connections._connections = local()  # type: ignore[attr-defined]  # noqa: SLF001
    urls._prefixes, urls._urlconfs = local(), local()  # type: ignore[attr-defined]  # noqa: SLF001


_leave_out()
_keep_by_thread()
