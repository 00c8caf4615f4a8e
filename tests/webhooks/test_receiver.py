"""The sample receiver of the documentation does what the page says."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from time import monotonic, sleep
from typing import Any

import pytest
import requests

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


def test_a_merchant_who_was_down_for_an_hour_converges_by_asking(listening, tmp_path):
    url, started = listening
    endpoint, sample = told(url), functions()
    start(url, started, endpoint.secret)
    sell(endpoint.shop)
    drain()
    seen = known(tmp_path)
    started[0].kill()
    started[0].wait()
    for _ in range(3):
        sell(endpoint.shop)
        drain()
        # Two tries of an hour that has no other: after 5 s, and after 5 minutes.
        hurry()
        drain()
    number()

    with closing(sqlite3.connect(tmp_path / "events.sqlite3")) as db:
        while page := endpoint.shop.get(f"/api/events/?after={max(seen)}&limit=2").json()[
            "results"
        ]:
            for event in page:
                assert sample["store"](db, event, json.dumps(event))
            seen += [event["number"] for event in page]
        assert sample["missing"](db) is None

    assert seen == known(tmp_path) == numbers()
    start(url, started, endpoint.secret)
    hurry()
    drain()
    assert known(tmp_path) == numbers()
    assert {one.status for one in endpoint.deliveries()} == {"succeeded"}


def feed(endpoint: Told, after: int) -> list[dict[str, Any]]:
    answer = endpoint.shop.get(f"/api/events/?after={after}&limit=2")
    return list(answer.json()["results"])


def functions() -> dict[str, Any]:
    """Return what the sample has, without its listener."""
    namespace: dict[str, Any] = {"__name__": "receiver"}
    exec(SAMPLE.read_text(), namespace)
    return namespace


def test_it_knows_where_something_is_missing(tmp_path):
    namespace = functions()
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(namespace["SCHEMA"])
        first = namespace["missing"](db)
        for number in (1, 2, 4, 6):
            event = {"id": f"evt_{number}", "number": number}
            assert namespace["store"](db, event, json.dumps(event))
        again = namespace["store"](db, {"id": "evt_4", "number": 4}, "{}")

        assert (first, namespace["missing"](db), again) == (None, 2, False)
