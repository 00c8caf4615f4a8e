"""Dispatchers are killed all the time; the feed has every event once, in order, without a gap."""

import time
from itertools import cycle
from typing import Any

import pytest
import requests

from tests.crash import books
from tests.crash.merchants import DEMO_KEY, Merchants

pytestmark = pytest.mark.usefixtures("django_db_setup")

WITHOUT_A_NUMBER = """
    SELECT e.id FROM payments_event e
    WHERE NOT EXISTS (SELECT FROM payments_eventnumber n WHERE n.event_id = e.id) LIMIT 1
"""


def feed(stack, key):
    """Read a feed from its beginning, as a merchant who has lost everything."""
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        answer = requests.get(
            f"http://127.0.0.1:{stack.port}/api/events/",
            params={"after": after, "limit": 7},
            headers={"X-API-KEY": key},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        found += answer.json()["results"]
        after = answer.json()["next"]
    return found


def test_the_feed_has_every_event_once_though_dispatchers_die(begin):
    stack = begin("web", "dispatcher", "dispatcher-2", "worker")
    merchants = Merchants(stack)
    names = cycle(["dispatcher", "dispatcher-2"])

    with merchants.paying({"gateway": "mock_success"} for _ in range(120)):
        for _ in range(8):
            time.sleep(0.4)
            name = next(names)
            stack.kill(name)
            stack.start(name)
    books.settle(stack)
    stack.until("every event's number", lambda: not stack.rows(WITHOUT_A_NUMBER), 20)
    books.check(stack, merchants)

    told = feed(stack, DEMO_KEY)
    written = stack.rows("SELECT count(*), count(DISTINCT id) FROM payments_event")
    assert [one["number"] for one in told] == list(range(1, len(told) + 1))
    assert (len(told), len({one["id"] for one in told})) == written[0]
    steps: dict[str, list[str]] = {}
    for one in told:
        steps.setdefault(one["object"]["id"], []).append(one["type"])
    assert set(map(tuple, steps.values())) == {
        ("payment.created", "payment.processing", "payment.succeeded")
    }


@pytest.mark.parametrize(
    "point", ["numbering.after_numbers", "numbering.uncommitted", "numbering.after_commit"]
)
def test_a_dispatcher_that_dies_while_it_numbers_leaves_all_or_nothing(begin, tmp_path, point):
    armed = {"KILL_POINT": point, "KILL_POINT_HITS": str(tmp_path / "hits")}
    stack = begin("web", "dispatcher", "worker", **armed)
    merchants = Merchants(stack)
    merchants.pay_all({"gateway": "mock_success"} for _ in range(10))
    stack.until("a death", lambda: not stack.is_alive("dispatcher"), 20)
    told_by_the_dead = [one["id"] for one in feed(stack, DEMO_KEY)]

    stack.kill("dispatcher")
    stack.start("dispatcher")
    books.settle(stack)
    stack.until("every event's number", lambda: not stack.rows(WITHOUT_A_NUMBER), 20)

    told = feed(stack, DEMO_KEY)
    assert [one["number"] for one in told] == list(range(1, len(told) + 1))
    assert [one["id"] for one in told][: len(told_by_the_dead)] == told_by_the_dead
    assert len(told) == stack.value("SELECT count(*) FROM payments_event") == 30
    assert bool(told_by_the_dead) == (point == "numbering.after_commit")
    books.check(stack, merchants)
