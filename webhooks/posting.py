"""Sends one webhook, and says what was heard; whatever goes wrong is an answer, too."""

import os
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from http.client import HTTPException, HTTPResponse
from typing import Any
from uuid import UUID

import certifi

from core import provider_text, redaction
from core.db import outside_transaction
from core.kill_points import reached
from core.retry_after import asked_patience
from webhooks import resolving, signing, targets, wire
from webhooks.resolving import CannotResolve, Resolver
from webhooks.targets import Forbidden, Target
from webhooks.trail import Result
from webhooks.wire import Wire

TOTAL_SECONDS = 15.0
ANSWER_BYTES_MAX = 64 * 1024
EXCERPT_BYTES = 1024
DETAIL_LENGTH = 300
RESOLVE_SECONDS = 5.0
RETRY_AFTER_SECONDS_MAX = 24 * 3600.0

_SUCCESS = range(200, 300)
# Early hints and the like: the answer is yet to come. The library knows of 100 only.
_INTERIM = range(102, 200)
_SLOW_DOWN = frozenset({429, 502, 504})
GONE = 410


@dataclass(frozen=True, slots=True)
class Post:
    """What to send: pure data. The secrets are in no text that is made of it.

    ``zero_at`` is the database's time, in seconds, when this host's monotonic clock was zero:
    receivers take no stamp that is minutes off, and this host's other clock may be.
    """

    attempt_id: UUID
    url: str
    version: int  # the endpoint's, as which it is asked
    mode: str
    message_id: str
    body: bytes = field(repr=False)
    secrets: Sequence[bytes] = field(repr=False)
    zero_at: float

    @property
    def now(self) -> float:
        """Return the database's time, in seconds since 1970."""
        return self.zero_at + time.monotonic()


@dataclass(frozen=True, slots=True)
class Heard:
    """How a try ended. ``detail`` and ``excerpt`` are for operators only."""

    attempt_id: UUID
    url: str
    version: int
    result: Result
    seconds: float
    status_code: int | None = None
    detail: str = ""
    excerpt: str = ""
    retry_after_seconds: float | None = None


@lru_cache(maxsize=1)
def _tls(_process: int) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


@dataclass(frozen=True, slots=True)
class Sender:
    """How webhooks leave; a test may resolve names, and know certificates, of its own."""

    resolve: Resolver = resolving.resolve
    tls: ssl.SSLContext | None = None

    @outside_transaction
    def send(self, post: Post, seconds: float = TOTAL_SECONDS) -> Heard:
        """Send, and return what was heard within so many seconds."""
        began = time.monotonic()
        try:
            said = self._said(post, began + seconds)
        except Forbidden as error:
            said = {"result": Result.FORBIDDEN, "detail": str(error)}
        except CannotResolve:
            said = {"result": Result.NO_ANSWER, "detail": "its name has no address"}
        except (OSError, HTTPException) as error:
            detail = provider_text.clean(f"{type(error).__name__}: {error}", DETAIL_LENGTH)
            said = {"result": Result.NO_ANSWER, "detail": detail}
        seconds = time.monotonic() - began
        return Heard(post.attempt_id, post.url, post.version, seconds=seconds, **said)

    def _said(self, post: Post, until: float) -> dict[str, Any]:
        target = targets.read(post.url, post.mode)
        patience = min(RESOLVE_SECONDS, wire.remaining(until))
        addresses = targets.addresses(target, self.resolve, patience)
        # Stamped after what may take long, so that it is the time at which it leaves.
        request = _request(target, post, int(post.now))
        tls = (self.tls or _tls(os.getpid())) if target.scheme == "https" else None
        line = wire.connect(addresses, target.port, target.host, tls, until)
        with closing(Wire(line, until, ANSWER_BYTES_MAX)) as connection:
            reached("sender.before_send")
            connection.sendall(request)
            reached("sender.after_send")
            return _read(connection, post)


def _request(target: Target, post: Post, timestamp: int) -> bytes:
    headers = {
        "Host": target.authority,
        "User-Agent": "payment-aggregator-webhooks/1",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(post.body)),
        "webhook-id": post.message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signing.signatures(
            post.secrets, post.message_id, timestamp, post.body
        ),
    }
    return _head(target.path, headers) + post.body


def _head(path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _read(connection: Wire, post: Post) -> dict[str, Any]:
    answer = HTTPResponse(connection, method="POST")  # type: ignore[arg-type]  # all it asks of one
    with closing(answer):
        answer.begin()
        while answer.status in _INTERIM:
            answer.headers = answer.msg = None  # type: ignore[assignment]  # or it has begun
            answer.begin()
        if connection.is_cut:
            message = "a head that does not end"
            raise HTTPException(message)
        status = answer.status
        content = _content(answer)
    patience = None
    if status in _SLOW_DOWN:
        asked = asked_patience(answer.headers.get("Retry-After", ""), post.now)
        patience = None if asked is None else min(asked, RETRY_AFTER_SECONDS_MAX)
    return {
        "result": Result.SUCCEEDED if status in _SUCCESS else Result.REFUSED,
        "status_code": status,
        "detail": f"status {status}",
        "excerpt": _excerpt(content),
        "retry_after_seconds": patience,
    }


def _excerpt(content: bytes) -> str:
    # Cut last: half of a secret, or of a card number, would no longer be known for one.
    text = redaction.clean(content.decode("utf-8", "replace"))
    kept = provider_text.clean(text, EXCERPT_BYTES).encode()[:EXCERPT_BYTES]
    return kept.decode("utf-8", "ignore")


def _content(answer: HTTPResponse) -> bytes:
    """Return what can be read of the body; the status has said already what counts."""
    pieces: list[bytes] = []
    try:
        while piece := answer.read1(ANSWER_BYTES_MAX):
            pieces.append(piece)
    except (OSError, HTTPException, ValueError):
        pieces.append("…".encode())
    return b"".join(pieces)
