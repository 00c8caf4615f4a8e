"""JSON that can be read in one way only (RFC 8259, I-JSON RFC 7493), and no card data in it."""

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from core.cards import find_card_data
from core.errors import Problem
from core.provider_text import UNSTORABLE

_BOM = b"\xef\xbb\xbf"
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[{\]}]")


def _malformed(detail: str) -> Problem:
    return Problem("malformed-json", detail)


def _check_depth(raw: bytes) -> None:
    """Count brackets before the parser, which recurses, meets them."""
    limit = settings.JSON_DEPTH_LIMIT
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            detail = f"The body is nested deeper than {limit} levels."
            raise _malformed(detail)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _malformed("A name occurs twice in one object.")
    return members


def _refuse_constant(name: str) -> NoReturn:
    detail = f"{name} is not a JSON number."
    raise _malformed(detail)


def _finite(token: str) -> float:
    number = float(token)
    if not math.isfinite(number):
        raise _malformed("A number is too large.")
    return number


def _check_text(value: Any) -> None:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting.extend(part.keys())
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, str) and UNSTORABLE.search(part):
            raise _malformed("A string holds a NUL or half of a surrogate pair.")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
)


def _decoded(raw: bytes) -> Any:
    try:
        return _decoder.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise _malformed("The body is not UTF-8.") from None
    except json.JSONDecodeError as exc:
        detail = f"{exc.msg} at line {exc.lineno}, column {exc.colno}."
        raise _malformed(detail) from None
    except ValueError:
        # Python converts at most 4300 digits.
        raise _malformed("A number is too long.") from None


def refuse_card_data(value: Any) -> None:
    """Refuse a parsed body that holds card data, saying where and never what.

    :raises Problem: ``cardholder-data-not-accepted``
    """
    pointer = find_card_data(value)
    if pointer is not None:
        slug = "cardholder-data-not-accepted"
        detail = "Send a provider's token instead of card data."
        errors = [{"pointer": pointer, "code": slug, "detail": detail}]
        raise Problem(slug, detail, errors=errors)


def parse(raw: bytes) -> Any:
    """Return the value of a JSON text.

    :raises Problem: ``malformed-json``, ``cardholder-data-not-accepted``
    """
    if raw.startswith(_BOM):
        raise _malformed("The body begins with a byte order mark.")
    _check_depth(raw)
    value = _decoded(raw)
    # Only an escape can bring in what UTF-8 and the grammar already refuse.
    if b"\\u" in raw:
        _check_text(value)
    refuse_card_data(value)
    return value


class StrictJSONParser(BaseParser):
    """The only reader of merchants' bodies."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body.

        :raises UnsupportedMediaType: if the charset is not UTF-8
        """
        del parser_context
        _, _, options = (media_type or "").lower().partition(";")
        charset = re.search(r"charset\s*=\s*\"?([\w-]+)", options)
        if charset and charset[1] not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType(media_type or "")
        return parse(stream.read())
