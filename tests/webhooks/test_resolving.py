"""Names are looked up no longer than told, and one that nobody answers for is not unknown."""

import socket
import threading

import pytest

from webhooks import resolving
from webhooks.resolving import NotNow, resolve


class TestANameServer:
    @pytest.fixture(autouse=True)
    def _hanging(self, monkeypatch):
        released = threading.Event()
        monkeypatch.setattr(resolving, "_ask", lambda host: released.wait(10) and [host])
        yield
        released.set()

    def test_that_hangs_is_not_asked_by_more_threads_than_there_are(self, monkeypatch):
        monkeypatch.setattr(resolving, "THREADS", 1)
        for host in ("first.example.com", "second.example.com"):
            with pytest.raises(NotNow, match=host):
                resolve(host, 0.1)

        assert [host for _, host in resolving._asked] == ["first.example.com"]


def unanswered(code: int):
    def answer(*_, **__):
        raise socket.gaierror(code, "told")

    return answer


def test_a_name_is_unknown_if_a_server_says_so(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", unanswered(socket.EAI_NONAME))

    assert resolve("a.example.com", 5) == []


def test_a_name_is_not_unknown_because_no_server_answers(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", unanswered(socket.EAI_AGAIN))

    with pytest.raises(NotNow):
        resolve("a.example.com", 5)
