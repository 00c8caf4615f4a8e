"""Receivers of webhooks: real listeners that note what came, and answer what they are told."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Came:
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    def verified_with(self, secret: str) -> Any:
        """Return the event, verified as merchants do."""
        return Webhook(secret).verify(self.body, self.headers)


def bodies(came: Iterable[Came]) -> dict[str, set[bytes]]:
    """Return what came under each id: the same bytes, however often."""
    found: dict[str, set[bytes]] = {}
    for one in came:
        found.setdefault(one.headers["webhook-id"], set()).add(one.body)
    return found


@dataclass(slots=True)
class Sink:
    """A listener; ``answer`` has the handler, and may do with it what it wants."""

    port: int
    came: list[Came] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answer: Callable[[Any], None] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b"thanks"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?shop=1"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def next_status(self) -> int:
        """Return the next status it was told to answer with; the last one is for ever."""
        if not self.statuses:
            return 200
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.came = Came(self.path, dict(self.headers.items()), body)
            sink.came.append(self.came)
            if sink.answer:
                sink.answer(self)
                return
            self.send_response(sink.next_status())
            for name, value in sink.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sink.content)))
            self.end_headers()
            self.wfile.write(sink.content)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *args: Any) -> None:
        """Say nothing: clients that hang up are part of it."""


class Listening:
    """A receiver that listens until it is closed."""

    def __init__(self, **options: Any) -> None:
        self.sink = Sink(0, **options)
        self._server = _Server(("127.0.0.1", 0), _handler(self.sink))
        self.sink.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def a_sink(**options: Any) -> Iterator[Sink]:
    """Give a receiver that listens."""
    listening = Listening(**options)
    try:
        yield listening.sink
    finally:
        listening.close()


@contextmanager
def a_trap(port: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Give the port of a listener that must never be connected to, and who was."""
    caught: list[str] = []
    with socket.create_server(("127.0.0.1", port)) as trap:
        trap.settimeout(0.02)
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                try:
                    line, peer = trap.accept()
                except TimeoutError:
                    continue
                caught.append(str(peer))
                line.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield trap.getsockname()[1], caught
        finally:
            done.set()
            thread.join()
