"""The wires do to a connection what they say, and nothing else."""

import socket
import struct
import time
from contextlib import closing

import psycopg2
import pytest

from config.stack.ports import LOOPBACK
from tests import servers
from tests.chaos.wire import Commits

SECONDS = 10
SOON_SECONDS = 0.5


@pytest.fixture
def link(wires, parrot):
    """Give the wire that leads to the parrot."""
    return wires.link("one>other", parrot.port)


@pytest.fixture
def call(link):
    """Give a function that opens a connection to the parrot, through the wire."""
    opened = []

    def connect():
        opened.append(socket.create_connection((LOOPBACK, link.port), timeout=SECONDS))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


def until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def said_back(one, text):
    one.sendall(text)
    return one.recv(4096)


def silent(one):
    one.settimeout(SOON_SECONDS)
    with pytest.raises(TimeoutError):
        one.recv(1)
    one.settimeout(SECONDS)


class TestLink:
    def test_it_carries_both_ways(self, call):
        one = call()

        assert [said_back(one, b"a"), said_back(one, b"bc")] == [b"a", b"bc"]

    def test_a_cut_resets_what_is_there_and_not_what_comes(self, call, link):
        one = call()
        said_back(one, b"a")

        link.cut()

        with pytest.raises(ConnectionResetError):
            one.recv(1)
        assert said_back(call(), b"b") == b"b"

    def test_a_wire_that_is_down_takes_nobody_until_it_is_up(self, call, link):
        link.down(is_down=True)
        time.sleep(0.1)

        one = call()
        assert _is_refused(one)
        link.down(is_down=False)

        until(lambda: _talks(call))

    def test_slowness_delays_and_loses_nothing(self, call, link):
        one = call()
        link.slow(0.2)
        time.sleep(0.1)
        begun = time.monotonic()

        assert said_back(one, b"a") == b"a"
        assert time.monotonic() - begun >= 0.4

    def test_half_closed_the_server_sees_the_end_and_the_client_may_still_hear(
        self, call, link, parrot
    ):
        one = call()
        said_back(one, b"a")

        link.half_close()

        until(lambda: parrot.ends == 1)

    def test_what_a_client_says_after_its_half_close_is_nobodys(self, call, link, parrot):
        one = call()
        said_back(one, b"a")
        link.half_close()
        one.sendall(b"b")

        until(lambda: parrot.ends == 1)

        one.close()
        until(lambda: not link._pairs)
        assert parrot.heard == b"a"

    @pytest.mark.parametrize(("way", "heard"), [("up", b""), ("down", b"a")])
    def test_one_way_can_be_deaf_and_such_a_connection_never_works_again(
        self, call, link, parrot, way, heard
    ):
        one = call()
        link.swallow(way)
        time.sleep(0.1)

        one.sendall(b"a")

        silent(one)
        assert parrot.heard == heard
        link.hear()
        with pytest.raises(ConnectionResetError):
            one.recv(1)

    def test_calm_ends_everything(self, call, link):
        link.slow(5)
        link.down(is_down=True)
        link.swallow("up")

        link.calm()

        until(lambda: _talks(call))


def _is_refused(one):
    try:
        return one.recv(1) == b""
    except ConnectionResetError:
        return True


def _talks(call):
    try:
        return said_back(call(), b"x") == b"x"
    except OSError:
        return False


def message(kind, text):
    body = text + b"\0"
    return kind + struct.pack("!i", len(body) + 4) + body


STARTUP = struct.pack("!ii", 8, 80877103) + struct.pack("!ii", 16, 196608) + b"user\0x\0\0"


class TestCommits:
    @pytest.mark.parametrize("text", [b"COMMIT", b" commit", b"EXECUTE create_payment(1)"])
    def test_it_sees_what_ends_a_transaction(self, text):
        commits = Commits()
        assert not commits.feed(STARTUP)

        assert commits.feed(message(b"Q", text))

    @pytest.mark.parametrize("text", [b"BEGIN", b"SELECT 'COMMIT'", b"EXECUTE peek(1)"])
    def test_it_takes_nothing_else_for_that(self, text):
        commits = Commits()
        commits.feed(STARTUP)

        assert not commits.feed(message(b"Q", text))

    def test_borders_of_chunks_do_not_matter(self):
        commits = Commits()
        stream = STARTUP + message(b"Q", b"BEGIN") + message(b"Q", b"COMMIT")

        found = [commits.feed(stream[place : place + 1]) for place in range(len(stream))]

        assert found == [*[False] * (len(stream) - 1), True]


class TestPostgreSQL:
    @pytest.mark.parametrize(("after", "kept"), [(False, 0), (True, 1)])
    def test_a_commit_cut_is_lost_before_it_is_sent_and_kept_before_it_is_heard(
        self, wires, committed_db, after, kept
    ):
        with closing(committed_db.connect(owner=True)) as own, own, own.cursor() as cursor:
            cursor.execute("CREATE TABLE slate (word text)")
        port = psycopg2.extensions.parse_dsn(committed_db.owner_url)["port"]
        link = wires.link("one>postgres", int(port))
        far = psycopg2.connect(committed_db.owner_url.replace(f":{port}/", f":{link.port}/"))
        far.cursor().execute("INSERT INTO slate VALUES ('here')")
        link.cut_commits(1, after=after)
        time.sleep(0.1)

        with pytest.raises(psycopg2.OperationalError):
            far.commit()

        assert link.commits_cut == 1
        far.close()
        with closing(servers.connect(committed_db.owner_url)) as near, near.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM slate")
            assert cursor.fetchone() == (kept,)
