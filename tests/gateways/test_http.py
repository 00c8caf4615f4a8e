"""How we talk HTTP to providers, whoever they are."""

import os
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateways.base import AnswerLost, Deadline, NotSent, UnexpectedAnswer
from gateways.http import BODY_BYTES_MAX, Client, retry_after_seconds

NOW = 1_700_000_000.0


class Echo(BaseHTTPRequestHandler):
    """Answers with the status in the path, and remembers whom it met."""

    protocol_version = "HTTP/1.1"
    met: list[tuple[int, str, dict[str, str]]] = []  # noqa: RUF012 - emptied by the fixture

    def do_GET(self):
        Echo.met.append((self.client_address[1], self.path, dict(self.headers)))
        status = int(self.path.strip("/").partition("?")[0])
        body = b'{"hello": "world"}' if status == 200 else b"x" * (BODY_BYTES_MAX + 1)
        self.send_response(status if status < 600 else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session=1; Path=/")
        self.send_header("Location", "/200")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def client():
    Echo.met = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # we hang up on it
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Client(f"http://127.0.0.1:{server.server_address[1]}/", {"X-Key": "k"})
        server.shutdown()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("86400", 86_400.0),
        ("86401", None),
        ("9" * 400, None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW + 30).replace(" -0000", ""), 30.0),
        (formatdate(NOW - 30, usegmt=True), None),
        (formatdate(NOW + 10**8, usegmt=True), None),
        ("Tue, 99 Nov 2023 99:99:99 GMT", None),
    ],
)
def test_patience_is_read_in_every_form_and_kept_within_reason(value, seconds):
    assert retry_after_seconds(value, NOW) == seconds


def test_connections_and_headers_are_used_again_and_cookies_are_not(client):
    for _ in range(3):
        client.get("/200", {"a": "b c"}, Deadline.after(5))

    ports, paths, headers = zip(*Echo.met, strict=True)
    assert len(set(ports)) == 1
    assert set(paths) == {"/200?a=b+c"}
    assert all(one["X-Key"] == "k" and "Cookie" not in one for one in headers)


def test_a_forked_process_opens_its_own_connections(client):
    client.get("/200", {}, Deadline.after(5))
    child = os.fork()
    if child == 0:
        client.get("/200", {}, Deadline.after(5))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    client.get("/200", {}, Deadline.after(5))

    parents, childs, again = (port for port, _, _ in Echo.met)
    assert parents == again != childs


def test_a_redirect_is_an_answer_that_nobody_follows(client):
    answer = client.get("/302", {}, Deadline.after(5))

    assert answer.status == 302
    assert len(Echo.met) == 1
    with pytest.raises(UnexpectedAnswer):
        answer.content()


@pytest.mark.parametrize(("status", "lost"), [(429, NotSent), (500, AnswerLost), (599, AnswerLost)])
def test_a_status_says_whether_something_may_have_happened(client, status, lost):
    with pytest.raises(lost):
        client.get(f"/{status}", {}, Deadline.after(5))


def test_an_answer_without_measure_is_not_kept(client):
    with pytest.raises(AnswerLost, match="larger"):
        client.get("/600", {}, Deadline.after(5))


def test_nothing_is_sent_when_there_is_no_time_left(client):
    with pytest.raises(NotSent):
        client.get("/200", {}, Deadline.after(0))

    assert Echo.met == []
