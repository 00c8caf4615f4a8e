"""What a request may be before anyone reads it: its size, its encoding, and no card data."""

from io import BytesIO
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from core.cards import holds_card_number, is_card_in_key, is_card_name
from core.errors import Problem

MAX_TARGET_CHARACTERS = 8 * 1024
MAX_HEADERS_CHARACTERS = 32 * 1024

_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Random by nature, so a card number in them would be chance; they are never logged either.
# Datadog's ids are decimal, up to 20 digits: one in thirty has the form of a card number.
_UNREAD_HEADERS = frozenset(
    {
        *("HTTP_X_API_KEY", "HTTP_AUTHORIZATION"),
        *("HTTP_TRACEPARENT", "HTTP_TRACESTATE", "HTTP_X_CLOUD_TRACE_CONTEXT"),
        *("HTTP_X_DATADOG_TRACE_ID", "HTTP_X_DATADOG_PARENT_ID"),
        *("HTTP_B3", "HTTP_X_B3_TRACEID", "HTTP_X_B3_SPANID", "HTTP_X_B3_PARENTSPANID"),
    }
)
_KEY = "HTTP_IDEMPOTENCY_KEY"
# Payers come back with whatever a provider put into the query; nobody reads it or keeps it.
_QUERY_UNREAD = "/return/"


def _card_data(where: str) -> Problem:
    return Problem("cardholder-data-not-accepted", f"Card data was found in the {where}.")


def _check_target(request: HttpRequest) -> None:
    path, query = request.path_info, request.META.get("QUERY_STRING", "")
    if len(path) + len(query) > MAX_TARGET_CHARACTERS:
        raise Problem("uri-too-long", f"At most {MAX_TARGET_CHARACTERS} characters are read.")
    if "\x00" in path:
        raise Problem("validation-error", "The path holds a NUL.")
    if holds_card_number(path):
        raise _card_data("path")
    if query and not path.startswith(_QUERY_UNREAD):
        _check_query(request)


def _check_query(request: HttpRequest) -> None:
    for name, values in request.GET.lists():
        if is_card_name(name) or any(holds_card_number(text) for text in (name, *values)):
            raise _card_data("query")
        if any("\x00" in text for text in (name, *values)):
            raise Problem("validation-error", "The query holds a NUL.")


def _holds_card(headers: dict[str, str]) -> bool:
    """Tell whether a card number stands in a header; nearly always one search says no to all."""
    if not holds_card_number("\n".join(headers.values())):
        return False
    key = headers.pop(_KEY, "")
    return is_card_in_key(key) or holds_card_number("\n".join(headers.values()))


def _check_headers(meta: dict[str, Any]) -> None:
    size = 0
    read: dict[str, str] = {}
    for name, value in meta.items():
        if not name.startswith("HTTP_"):
            continue
        size += len(name) + len(value)
        if name not in _UNREAD_HEADERS and not name.endswith("_SIGNATURE"):
            read[name] = value
        if is_card_name(name[5:]):
            raise _card_data("headers")
    if size > MAX_HEADERS_CHARACTERS:
        raise Problem("headers-too-large", f"At most {MAX_HEADERS_CHARACTERS} bytes are read.")
    if _holds_card(read):
        raise _card_data("headers")
    if "HTTP_CONTENT_ENCODING" in meta:
        raise Problem("unsupported-media-type", "Send the body as it is, without an encoding.")


def _too_large() -> Problem:
    return Problem("payload-too-large", f"At most {settings.BODY_LIMIT_BYTES} bytes are read.")


def _declared_length(meta: dict[str, Any]) -> int | None:
    declared = meta.get("CONTENT_LENGTH")
    if declared in {None, ""}:
        return None
    if not str(declared).isascii() or not str(declared).isdigit():
        raise Problem("invalid-header", "Content-Length is not a number.")
    return int(str(declared)[:20])


def _may_have_body(meta: dict[str, Any]) -> bool:
    """Tell whether a body can follow although no length was told (RFC 9112 §6.3, RFC 9113)."""
    return "HTTP_TRANSFER_ENCODING" in meta or meta.get("SERVER_PROTOCOL", "") >= "HTTP/2"


def _read_unmeasured(request: HttpRequest) -> int:
    """Read a body whose length nobody told; Django would take it for empty."""
    raw = request.META["wsgi.input"].read(settings.BODY_LIMIT_BYTES + 1)
    if len(raw) > settings.BODY_LIMIT_BYTES:
        raise _too_large()
    is_announced = "HTTP_TRANSFER_ENCODING" in request.META or request.META.get("CONTENT_TYPE")
    if not raw and is_announced:
        # The server does not tell a sender who died from one who had no more to say, and no body
        # may mean all: a refund of the rest. JSON that was cut is noticed by itself.
        raise Problem(
            "malformed-json",
            "The body ended before it began; send Content-Length: 0 if there is none, or {}.",
        )
    request._stream = BytesIO(raw)  # noqa: SLF001 - where Django reads from
    request.META["CONTENT_LENGTH"] = str(len(raw))
    return len(raw)


def _check_body(request: HttpRequest) -> None:
    length = _declared_length(request.META)
    if length is None:
        length = _read_unmeasured(request) if _may_have_body(request.META) else 0
    if length > settings.BODY_LIMIT_BYTES:
        raise _too_large()
    if length == 0:
        # `curl -d ''` calls nothing a form; without a body there is no type to refuse.
        request.META["CONTENT_TYPE"] = ""
    elif len(request.body) != length:
        raise Problem("malformed-json", "The body ended early.")


def check(request: HttpRequest) -> None:
    """Refuse a request by its outside.

    :raises Problem: with what is wrong
    """
    _check_target(request)
    _check_headers(request.META)
    if request.method in _WITH_BODY:
        _check_body(request)
