"""The provider's doors: the API with its key, the open books, and control."""

import hmac
import re
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from simulator import actions, control, looking, money, orders, outages, pages, reading, wire
from simulator.answers import Answer, error
from simulator.carrying import Desk
from simulator.options import Options
from simulator.orders import Kind, Refused
from simulator.store import Store, now

BODY_BYTES_MAX = 64 * 1024
IDLE_SECONDS = 60
LOOPBACK = {"127.0.0.1", "::1"}

_ID = r"([a-z]{2}_[0-9a-f]{32})"
_ORDERS: list[tuple[re.Pattern[str], Kind]] = [
    (re.compile(r"/v1/charges"), "charge"),
    (re.compile(rf"/v1/charges/{_ID}/capture"), "capture"),
    (re.compile(rf"/v1/charges/{_ID}/void"), "void"),
    (re.compile(r"/v1/refunds"), "refund"),
]
_BOOKS: dict[str, reading.ObjectKind] = {
    "/charges": "charge",
    "/refunds": "refund",
    "/disputes": "dispute",
}
_ACTION = re.compile(r"/actions/(ch_[0-9a-f]{32})")


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, options: Options, store: Store) -> None:
        self.options = options
        self.store = store
        self.desk = Desk(store, options.key_lifetime_seconds, options.slow_seconds)
        super().__init__((options.host, options.port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what broke, but nothing of clients that went away: we drive them to it."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    # One packet for head and body: with two, the second waits for the first to be acknowledged.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """Answer a look-up, or show a page."""
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        if address.path == "/":
            return self._page(lambda: pages.books(self.server.store, query))
        if found := _ACTION.fullmatch(address.path):
            return self._page(lambda: actions.page(self.server.store, found[1]))
        return self._answer(lambda: self._look(address.path, query))

    def do_POST(self) -> None:
        """Carry a request out."""
        raw = self._body()
        if raw is None:
            self.close_connection = True
            self._send(error(413, "too_large", "the body is too large, or its length unknown"))
            return None
        if len(raw) < int(self.headers.get("Content-Length", "0")):
            # Whoever sent it died over it: an order without its end is none.
            self.close_connection = True
            self._send(error(400, "incomplete", "the body ended early"))
            return None
        path = urlsplit(self.path).path
        if found := _ACTION.fullmatch(path):
            return self._acted(found[1], raw)
        return self._answer(lambda: self._order(path, raw))

    def _look(self, path: str, query: reading.Query) -> Answer:
        if path == "/healthz":
            return Answer(200, {"status": "ok"})
        if path.startswith("/control/"):
            return self._controlled(lambda: control.look(self.server.store, path, query))
        if kind := _BOOKS.get(path):
            money.bring_up_to_date(self.server.store)
            with self.server.store.reading() as db:
                return reading.many(db, kind, query, None)
        return self._known() or looking.look(self.server.store, path, query)

    def _order(self, path: str, raw: bytes) -> Answer:
        if path.startswith("/control/"):
            return self._controlled(lambda: control.act(self.server.store, path, raw))
        if answer := self._known():
            return answer
        for pattern, kind in _ORDERS:
            if found := pattern.fullmatch(path):
                charge = found[1] if pattern.groups else ""
                key = self.headers.get("Idempotency-Key", "")
                return self.server.desk.carry_out(orders.read(kind, raw, key, charge))
        return reading.unknown()

    def _known(self) -> Answer | None:
        """Return the answer to somebody who does not know the API key."""
        if self._has(self.server.options.api_key):
            return None
        return error(401, "unauthorized", "the API key is missing or wrong")

    def _controlled(self, act: Callable[[], Answer]) -> Answer:
        """Let control be used by whoever is on this machine and has its token."""
        token = self.server.options.control_token
        if self.client_address[0] not in LOOPBACK or not token or not self._has(token):
            return error(403, "forbidden", "control is for this machine, with its token")
        return act()

    def _has(self, secret: str) -> bool:
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {secret}".encode())

    def _page(self, make: Callable[[], str]) -> None:
        money.bring_up_to_date(self.server.store)
        try:
            text = make()
        except Refused as refused:
            self._send(error(refused.status, refused.code, str(refused)))
        else:
            wire.page(self, text)

    def _acted(self, charge: str, raw: bytes) -> None:
        """Do what the payer says, and send them back to where they came from."""
        store = self.server.store
        with store.reading() as db:
            silence = outages.silence(db, now(db))
        if silence:
            return self._send(outages.answer(silence))
        try:
            address = actions.answer_payer(store, charge, raw)
        except Refused as refused:
            return self._send(error(refused.status, refused.code, str(refused)))
        if address:
            return wire.redirect(self, address)
        return self._page(lambda: actions.page(store, charge))

    def _answer(self, make: Callable[[], Answer]) -> None:
        try:
            answer = make()
        except Refused as refused:
            answer = error(refused.status, refused.code, str(refused))
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        wire.send(self, answer, self.server.options.slow_seconds)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            return None
        if "Transfer-Encoding" in self.headers:
            return None
        return self.rfile.read(int(length))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: every call is in the books."""
