"""Talks HTTP to a provider: bounded in time and size, and honest about what may have happened."""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError

from core.kill_points import reached
from core.retry_after import asked_patience
from gateways.base import AnswerLost, Deadline, NotSent, UnexpectedAnswer

CONNECT_SECONDS = 3.0
BODY_BYTES_MAX = 1024 * 1024
POOL_SIZE = 64
# A provider that asks for more patience than this has not thought about it.
RETRY_AFTER_SECONDS_MAX = 86_400.0

_PIECE_BYTES = 64 * 1024
_SERVER_ERROR = 500
_TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that says neither "not processed" nor "something broke"."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def content(self) -> dict[str, Any]:
        """Return the members of the JSON object in the body.

        :raises UnexpectedAnswer: if there is none
        """
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            message = f"status {self.status} without a JSON object"
            raise UnexpectedAnswer(message)
        return content


class Client:
    """Connections to one provider, for many threads; a forked process makes its own."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._base_url = base_url.rstrip("/")
        # An answer is read as it comes, so that its size is its size.
        self._headers = {**headers, "Accept": "application/json", "Accept-Encoding": "identity"}
        self._sessions: dict[int, requests.Session] = {}

    def get(self, path: str, params: Mapping[str, str], deadline: Deadline) -> Response:
        """Ask for something, changing nothing.

        :raises NotSent: if there was no connection, or the provider says that it did not process it
        :raises AnswerLost: if there was no whole answer in time, or something broke over there
        """
        return self._sent("GET", path, deadline, params=params)

    def post(self, path: str, content: Mapping[str, Any], key: str, deadline: Deadline) -> Response:
        """Ask for something to be done, under a key.

        :raises NotSent: if there was no connection, or the provider says that it did not process it
        :raises AnswerLost: if there was no whole answer in time, or something broke over there
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        body = json.dumps(content).encode()
        return self._sent("POST", path, deadline, data=body, headers=headers)

    def _sent(self, method: str, path: str, deadline: Deadline, **options: Any) -> Response:
        seconds = deadline.remaining()
        if not seconds:
            raise NotSent("no time left to ask", code="too_late")
        try:
            with self._session().request(
                method,
                self._base_url + path,
                timeout=(min(CONNECT_SECONDS, seconds), seconds),
                allow_redirects=False,
                stream=True,
                **options,
            ) as answer:
                reached("worker.answer_begun")
                _judge(answer)
                body = _read(answer, deadline)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _translated(error) from error
        return Response(answer.status_code, answer.headers, body)

    def _session(self) -> requests.Session:
        known = self._sessions.get(os.getpid())
        if known is None:
            known = requests.Session()
            known.trust_env = False  # neither a proxy nor a password of the machine's
            known.headers.update(self._headers)
            known.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            for scheme in ("http://", "https://"):
                known.mount(scheme, HTTPAdapter(pool_maxsize=POOL_SIZE))
            known = self._sessions.setdefault(os.getpid(), known)
        return known


def _read(answer: requests.Response, deadline: Deadline) -> bytes:
    """Read a body piece by piece, so that one that drips is given up in time."""
    pieces, length = list[bytes](), 0
    while piece := _next_piece(answer, deadline):
        pieces.append(piece)
        length += len(piece)
        if length > BODY_BYTES_MAX:
            message = "the answer is larger than any"
            raise AnswerLost(message, code="answer_too_large")
    return b"".join(pieces)


def _next_piece(answer: requests.Response, deadline: Deadline) -> bytes:
    if deadline.passed:
        message = "no whole answer in time"
        raise AnswerLost(message, code="timeout")
    connection = answer.raw.connection
    if connection is not None and connection.sock is not None:
        connection.sock.settimeout(max(deadline.remaining(), 0.001))
    read_one: Callable[..., bytes] = answer.raw.read1
    return read_one(_PIECE_BYTES)


def _translated(error: Exception) -> NotSent | AnswerLost:
    if isinstance(error, requests.ConnectTimeout):
        return NotSent("no connection in time", code="unreachable")
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    # A name that cannot be resolved is such an error, too.
    if isinstance(getattr(cause, "reason", None), NewConnectionError):
        return NotSent("no connection", code="unreachable")
    if isinstance(error, requests.Timeout | TimeoutError):
        return AnswerLost("no answer in time", code="timeout")
    return AnswerLost(f"the connection broke: {type(error).__name__}", code="connection_lost")


def _judge(answer: requests.Response) -> None:
    """Refuse what says enough by its status, whatever is in its body."""
    if answer.status_code == _TOO_MANY:
        wait = retry_after_seconds(answer.headers.get("Retry-After", ""), time.time())
        raise NotSent("status 429", code="rate_limited", retry_after_seconds=wait)
    if answer.status_code >= _SERVER_ERROR:
        message = f"status {answer.status_code}"
        raise AnswerLost(message, code="server_error")


def retry_after_seconds(value: str, now: float) -> float | None:
    """Return how long a provider wants us to wait; None if it does not say so in earnest."""
    seconds = asked_patience(value, now)
    return seconds if seconds is not None and seconds <= RETRY_AFTER_SECONDS_MAX else None
