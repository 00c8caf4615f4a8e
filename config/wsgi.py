"""What a server of WSGI calls."""

import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from django.http import HttpResponse

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


_leave_out()
