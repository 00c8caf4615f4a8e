"""Which form an answer has: clients repeat their Accept header, so it is read once."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from core.caches import process_caches

REMEMBERED_MAX = 1000
# What a client library sends; what is longer is rare, and could fill the memory.
LENGTH_MAX = 200

_chosen: dict[tuple[Any, ...], tuple[int, str]] = {}
process_caches.append(_chosen.clear)


class RememberingNegotiation(DefaultContentNegotiation):
    """Chooses as its base does, and remembers what it chose for a header."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Return a renderer, and the media type that is accepted.

        :raises NotAcceptable: if there is none for this request
        """
        offered = list(renderers)
        accept = request.META.get("HTTP_ACCEPT", "*/*")
        # A form may be named in the query or the path, too.
        if format_suffix or request.META.get("QUERY_STRING") or len(accept) > LENGTH_MAX:
            return super().select_renderer(request, offered, format_suffix)  # type: ignore[no-any-return]
        key = (accept, *map(type, offered))
        if key not in _chosen:
            renderer, media_type = super().select_renderer(request, offered)
            if len(_chosen) >= REMEMBERED_MAX:
                _chosen.clear()
            _chosen[key] = (offered.index(renderer), media_type)
        place, media_type = _chosen[key]
        return offered[place], media_type
