"""What only a real server and raw bytes can show."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from config.stack.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN_SECONDS = 20


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    number = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
    command += [
        "--port",
        str(number),
        "--no-ws",
        "--log-level",
        "error",
        "tests.core.wsgi:application",
    ]
    with (tmp_path_factory.mktemp("web") / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env=dict(os.environ), stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_for(number)
            yield number
        finally:
            server.terminate()
            server.wait(10)


def wait_for(number):
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", number), 1):
            return
        time.sleep(0.05)
    pytest.fail("the server did not start")


def exchange(number, raw, *, end=False):
    """Send bytes, read one answer."""
    with closing(socket.create_connection(("127.0.0.1", number), 10)) as sock:
        with suppress(ConnectionError):
            sock.sendall(raw)
            if end:
                sock.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        return answer.status, answer.getheader("Content-Type"), json.loads(answer.read())


def head(path, *lines):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def chunked(parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


AS_JSON = "Content-Type: application/json"
IN_CHUNKS = "Transfer-Encoding: chunked"


def test_a_chunked_body_is_read(port):
    raw = head("/api/free/", AS_JSON, IN_CHUNKS) + chunked([b'{"a"', b": 1}"])

    status, _, body = exchange(port, raw)

    assert (status, body) == (200, {"data": {"a": 1}, "raw": '{"a": 1}'})


def test_a_chunked_body_of_nothing_is_refused_for_it_may_have_been_cut(port):
    status, _, body = exchange(port, head("/api/free/", IN_CHUNKS) + chunked([]))

    assert status == 400
    assert "Content-Length: 0" in body["detail"]


def test_a_chunked_body_above_the_limit_is_refused(port):
    raw = head("/api/raw/", AS_JSON, IN_CHUNKS) + chunked([b"x" * 8192] * 9)

    status, kind, body = exchange(port, raw)

    assert (status, kind) == (413, "application/problem+json")
    assert body["type"].endswith("/problems/payload-too-large")


def test_a_chunked_body_that_never_ends_is_refused(port):
    raw = head("/api/raw/", AS_JSON, IN_CHUNKS) + b"%x\r\n" % 8192 + b"x" * 8192
    raw += (b"\r\n%x\r\n" % 8192 + b"x" * 8192) * 8

    status, _, body = exchange(port, raw)

    assert (status, body["status"]) == (413, 413)


def test_a_body_that_claims_to_be_large_is_refused_unread(port):
    status, kind, _ = exchange(port, head("/api/raw/", AS_JSON, "Content-Length: 65537"))

    assert (status, kind) == (413, "application/problem+json")


def test_a_body_that_ends_early_is_refused(port):
    raw = head("/api/free/", AS_JSON, "Content-Length: 100") + b"{}"

    status, _, body = exchange(port, raw, end=True)

    assert status == 400
    assert body["type"].endswith("/problems/malformed-json")


@pytest.mark.parametrize("sent", [b"", b"1\r\n{\r\n", b"2\r\n{"], ids=["nothing", "half", "less"])
def test_a_chunked_body_that_ends_early_is_refused(port, sent):
    status, _, body = exchange(port, head("/api/free/", AS_JSON, IN_CHUNKS) + sent, end=True)

    assert status == 400
    assert body["type"].endswith("/problems/malformed-json")


def test_an_empty_post_without_a_type_reaches_the_view(port):
    status, _, body = exchange(port, head("/api/free/"))

    assert (status, body["data"]) == (200, {})


def test_an_empty_form_reaches_the_view(port):
    form = "Content-Type: application/x-www-form-urlencoded"

    status, _, body = exchange(port, head("/api/free/", form, "Content-Length: 0"))

    assert (status, body["data"]) == (200, {})


def test_large_headers_are_a_problem(port):
    status, kind, _ = exchange(port, head("/api/free/", "X-Large: " + "v" * 33_000))

    assert (status, kind) == (431, "application/problem+json")


def test_a_long_target_is_a_problem(port):
    status, kind, _ = exchange(port, head("/api/free/?q=" + "v" * 9_000))

    assert (status, kind) == (414, "application/problem+json")
