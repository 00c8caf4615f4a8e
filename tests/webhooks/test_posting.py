"""One try is bounded in time and size, whatever is on the other side."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from uuid import uuid4

import pytest

from tests.webhooks.certificates import made_for
from tests.webhooks.sinks import Sink
from webhooks import resolving, wire
from webhooks.posting import ANSWER_BYTES_MAX, EXCERPT_BYTES, Post, Sender
from webhooks.trail import Result

A_SECRET = b"s" * 32


def a_post(url: str) -> Post:
    return Post(
        uuid4(), url, 1, "test", "evt_x", b'{"a":1}', [A_SECRET], time.time() - time.monotonic()
    )


@contextmanager
def listening(speak: Callable[[socket.socket], None], settings):
    """Give the URL of a listener that does this with the first connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings.WEBHOOK_TEST_HOSTS = frozenset({f"127.0.0.1:{port}"})

        def serve() -> None:
            line, _ = server.accept()
            with line:
                speak(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}/"
        thread.join()


@contextmanager
def speaking(*pieces: bytes, pause: float = 0.0, settings):
    """Give the URL of a listener that says these, with a pause after each, and then nothing."""
    ended = threading.Event()

    def speak(line: socket.socket) -> None:
        with suppress(OSError):
            for piece in pieces:
                line.sendall(piece)
                ended.wait(pause)
            ended.wait(5)

    with listening(speak, settings) as url:
        yield url
        ended.set()


class TestTheRequest:
    def test_has_these_headers_and_no_others(self, sink: Sink, monkeypatch):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        sink.headers = {"Set-Cookie": "a=b"}

        for _ in range(2):
            Sender().send(a_post(sink.url))

        for came in sink.came:
            assert sorted(came.headers) == [
                *("Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Type"),
                *("Host", "User-Agent", "webhook-id", "webhook-signature", "webhook-timestamp"),
            ]
            assert came.headers["Host"] == sink.host
            assert came.headers["Accept-Encoding"] == "identity"
            assert came.body == b'{"a":1}'

    def test_never_shows_a_secret(self):
        shown = repr(a_post("https://example.com/"))

        assert "ssss" not in shown
        assert "secrets" not in shown


class TestAnAnswer:
    def test_that_is_large_is_read_in_part(self, sink: Sink):
        sink.content = b"x" * (10 * ANSWER_BYTES_MAX)

        heard = Sender().send(a_post(sink.url))

        assert heard.result is Result.SUCCEEDED
        assert len(heard.excerpt.encode()) <= EXCERPT_BYTES

    def test_is_read_up_to_64_kb_and_no_further(self, settings):
        said = 0

        def speak(line: socket.socket) -> None:
            nonlocal said
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            with suppress(OSError):
                while said < 1_000_000_000:
                    said += line.send(b"x" * 65_536)

        with listening(speak, settings) as url:
            heard = Sender().send(a_post(url))

        assert (heard.result, heard.status_code) == (Result.SUCCEEDED, 200)
        # The rest is what the system takes in before anybody reads.
        assert said < 50_000_000

    def test_is_cut_at_so_many_bytes(self):
        one, other = socket.socketpair()
        with one, other:
            other.sendall(b"x" * (ANSWER_BYTES_MAX + 10_000))
            line = wire.Wire(one, time.monotonic() + 5, ANSWER_BYTES_MAX)

            assert len(line.makefile("rb").read()) == ANSWER_BYTES_MAX
            assert line.is_cut

    @pytest.mark.parametrize("hints", [1, 3])
    def test_is_not_what_only_hints_at_it(self, hints, settings):
        head = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * hints
        end = b"HTTP/1.1 204 No Content\r\n\r\n"
        with speaking(head, end, settings=settings) as url:
            heard = Sender().send(a_post(url), 2.0)

        assert (heard.result, heard.status_code) == (Result.SUCCEEDED, 204)

    def test_that_repeats_a_secret_is_kept_without_it(self, sink: Sink):
        sink.content = "card 4111111111111111 whsec_abcdefgh1234 é\x00".encode() * 40

        heard = Sender().send(a_post(sink.url))

        assert "4111111111111111" not in heard.excerpt
        assert "whsec_a" not in heard.excerpt
        assert "\x00" not in heard.excerpt
        assert len(heard.excerpt.encode()) <= EXCERPT_BYTES

    def test_that_is_compressed_is_not_unpacked(self, sink: Sink):
        sink.headers, sink.content = {"Content-Encoding": "gzip"}, b"\x1f\x8b not really"

        assert Sender().send(a_post(sink.url)).result is Result.SUCCEEDED

    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % one for one in range(200)),
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * (2 * ANSWER_BYTES_MAX),
            b"HTTP/1.1 abc\r\n\r\n",
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"\r\n" * 1000,
            b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
            b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000,
            b"",
        ],
    )
    def test_that_makes_no_sense_is_none(self, head, settings):
        with speaking(head, settings=settings) as url:
            heard = Sender().send(a_post(url), 1.0)

        assert heard.result is Result.NO_ANSWER
        assert heard.status_code is None

    @pytest.mark.parametrize("drip", [b"H", b"HTTP/1.1 200 OK\r\nX: y"])
    def test_that_drips_is_given_up_in_time(self, drip, settings):
        began = time.monotonic()
        with speaking(drip[:-1], *[drip[-1:]] * 50, pause=0.1, settings=settings) as url:
            heard = Sender().send(a_post(url), 0.8)
            took = time.monotonic() - began

        assert heard.result is Result.NO_ANSWER
        assert took < 2.0

    def test_whose_status_came_is_one_although_its_body_drips(self, settings):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
        with speaking(head, *[b"x"] * 50, pause=0.1, settings=settings) as url:
            heard = Sender().send(a_post(url), 0.8)

        assert (heard.result, heard.status_code) == (Result.SUCCEEDED, 200)
        assert heard.seconds < 2.0

    def test_of_nobody_is_none(self, settings):
        settings.WEBHOOK_TEST_HOSTS = frozenset({"127.0.0.1:1", "nowhere.invalid:80"})

        refused = Sender().send(a_post("http://127.0.0.1:1/"))
        nowhere = Sender().send(a_post("http://nowhere.invalid/"))

        assert {refused.result, nowhere.result} == {Result.NO_ANSWER}

    def test_of_a_resolver_that_hangs_is_not_waited_for(self, monkeypatch):
        released = threading.Event()
        monkeypatch.setattr(resolving, "_ask", lambda _: released.wait(5) and [])
        began = time.monotonic()

        heard = Sender().send(a_post("https://hanging.example.com/"), 0.5)
        took = time.monotonic() - began
        released.set()

        assert heard.result is Result.NO_ANSWER
        assert took < 2.0

    def test_is_had_from_the_second_address_if_the_first_is_dead(self):
        with a_full_listener("127.0.0.1") as port, socket.create_server(("127.0.0.2", port)):
            began = time.monotonic()
            with wire.connect(["127.0.0.1", "127.0.0.2"], port, "x", None, began + 2.0) as line:
                assert line.getpeername()[0] == "127.0.0.2"


class TestTheOtherSide:
    def test_must_have_the_certificate_of_the_name(self, tmp_path, settings):
        with serving(tmp_path, "shop.example.com") as (port, context):
            settings.WEBHOOK_TEST_HOSTS = frozenset(
                {f"shop.example.com:{port}", f"evil.example.com:{port}"}
            )
            sender = Sender(lambda *_: ["127.0.0.1"], context)
            right = sender.send(a_post(f"https://shop.example.com:{port}/"))
            wrong = sender.send(a_post(f"https://evil.example.com:{port}/"))
            strict = Sender(lambda *_: ["127.0.0.1"]).send(
                a_post(f"https://shop.example.com:{port}/")
            )

        assert right.result is Result.SUCCEEDED
        assert wrong.result is strict.result is Result.NO_ANSWER
        assert "CERTIFICATE_VERIFY_FAILED" in wrong.detail

    def test_must_be_at_the_address_that_was_checked(self, monkeypatch, sink: Sink):
        monkeypatch.setattr(wire, "is_same", lambda *_: False)

        heard = Sender().send(a_post(sink.url))

        assert heard.result is Result.NO_ANSWER
        assert "WrongPeer" in heard.detail
        assert sink.came == []


@contextmanager
def a_full_listener(address: str):
    """Give the port of a listener to which no connection can be made any more."""
    with ExitStack() as open_lines:
        server = open_lines.enter_context(socket.socket())
        server.bind((address, 0))
        server.listen(0)
        while True:
            line = open_lines.enter_context(socket.socket())
            line.settimeout(0.2)
            try:
                line.connect(server.getsockname())
            except TimeoutError:
                break
        yield server.getsockname()[1]


@contextmanager
def serving(folder, name: str):
    """Give the port of a TLS listener that answers 200, and a context that trusts it."""
    certificate, key = made_for(name, folder)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    line, _ = server.accept()
                    line.settimeout(2)
                    with theirs.wrap_socket(line, server_side=True) as secured:
                        secured.recv(65_536)
                        secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], ssl.create_default_context(cafile=str(certificate))
        done.set()
        thread.join()
