"""The sample receiver of the documentation does what the page says."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from time import monotonic, sleep
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
import requests
from django.core.wsgi import get_wsgi_application

from config.stack.ports import free_port
from tests.money import drain, hurry, run_due
from tests.servers import ROOT
from tests.webhooks.endpoint_shop import Told, number, numbers, sell, told

Started = list["subprocess.Popen[bytes]"]
SAMPLE = ROOT / "docs" / "merchants" / "receiver.py"
pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def listening(tmp_path, settings, monkeypatch) -> Iterator[tuple[str, Started]]:
    """Give the address where the sample will listen, and a list that ends what is put in it."""
    port = free_port()
    started: Started = []
    settings.WEBHOOK_TEST_HOSTS = frozenset({f"127.0.0.1:{port}"})
    monkeypatch.setenv("EVENTS_DB", str(tmp_path / "events.sqlite3"))
    yield f"http://127.0.0.1:{port}/", started
    for process in started:
        process.kill()
        process.wait()


def start(url: str, started: Started, secret: str) -> None:
    port = url.rsplit(":", 1)[1].strip("/")
    command = [sys.executable, str(SAMPLE), port]
    env = {**os.environ, "WEBHOOK_SECRET": secret}
    started.append(subprocess.Popen(command, env=env))
    deadline = monotonic() + 10
    while monotonic() < deadline:
        try:
            requests.get(url, timeout=1)
        except requests.ConnectionError:
            sleep(0.05)
        else:
            return
    pytest.fail("the sample does not listen")


def known(tmp_path) -> list[int]:
    with closing(sqlite3.connect(tmp_path / "events.sqlite3")) as db:
        return [number for (number,) in db.execute("SELECT number FROM event ORDER BY number")]


def test_it_keeps_every_event_once_and_answers_2xx(listening, tmp_path):
    url, started = listening
    endpoint = told(url)
    start(url, started, endpoint.secret)

    sell(endpoint.shop, 2)
    drain()
    endpoint.post("resend", {"after": 0, "until": 100})
    drain()

    assert known(tmp_path) == numbers()
    assert {one.status for one in endpoint.deliveries()} == {"succeeded"}


def test_it_takes_nothing_that_is_signed_by_somebody_else(listening, tmp_path):
    url, started = listening
    endpoint = told(url)
    start(url, started, "whsec_" + "c2VjcmV0" * 8)
    sell(endpoint.shop)

    run_due()

    assert {one.status for one in endpoint.deliveries()} == {"pending"}
    assert not (tmp_path / "events.sqlite3").exists()


def test_it_is_told_what_it_missed_once_it_is_there(listening, tmp_path):
    url, started = listening
    endpoint = told(url)
    sell(endpoint.shop)
    run_due()

    start(url, started, endpoint.secret)
    hurry()
    drain()

    assert known(tmp_path) == numbers()


def test_a_merchant_who_was_down_for_an_hour_converges_by_asking(listening, tmp_path, api):
    url, started = listening
    endpoint = told(url)
    start(url, started, endpoint.secret)
    sell(endpoint.shop)
    drain()
    before = known(tmp_path)
    started[0].kill()
    started[0].wait()
    for _ in range(3):
        sell(endpoint.shop)
        drain()
        # Two tries of an hour that has no other: after 5 s, and after 5 minutes.
        hurry()
        drain()
    number()

    said = caught_up(api, endpoint)

    assert said == f"{len(numbers()) - len(before)} events had not come\n"
    assert known(tmp_path) == numbers()
    start(url, started, endpoint.secret)
    hurry()
    drain()
    assert known(tmp_path) == numbers()
    assert {one.status for one in endpoint.deliveries()} == {"succeeded"}
    assert caught_up(api, endpoint) == "0 events had not come\n"


@pytest.fixture
def api() -> Iterator[str]:
    """Give the address of a real server of ours, on this database."""
    server = WSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(get_wsgi_application())
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def caught_up(api: str, endpoint: Told) -> str:
    env = {**os.environ, "API_URL": api, "API_KEY": endpoint.shop.secret}
    done = subprocess.run(
        [sys.executable, str(SAMPLE), "catch-up"],
        env=env, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def functions() -> dict[str, Any]:
    """Return what the sample has, without its listener."""
    namespace: dict[str, Any] = {"__name__": "receiver"}
    exec(SAMPLE.read_text(), namespace)
    return namespace


def an_event(number: int, version: int = 1) -> dict[str, Any]:
    return {
        "id": f"evt_{number}",
        "number": number,
        "object": {"type": "payment", "id": "one"},
        "version": version,
    }


@pytest.fixture
def sample() -> Iterator[tuple[dict[str, Any], sqlite3.Connection]]:
    namespace = functions()
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(namespace["SCHEMA"])
        yield namespace, db


def test_it_knows_where_something_is_missing(sample):
    namespace, db = sample
    found = [namespace["whole_until"](db)]

    for came in (1, 2, 4, 6, 3):
        assert namespace["store"](db, an_event(came), "{}")
        found.append(namespace["whole_until"](db))

    assert found == [0, 1, 2, 2, 2, 4]
    assert not namespace["store"](db, an_event(4), "{}")


def test_what_comes_late_does_not_hide_what_is_newer(sample):
    namespace, db = sample

    for came, version in ((1, 1), (4, 2), (2, 2), (3, 3)):
        namespace["store"](db, an_event(came, version), "{}")

    assert db.execute("SELECT number, version FROM latest").fetchall() == [(3, 3)]
