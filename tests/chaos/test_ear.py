"""The merchant who listens during the chaos notices whatever is wrong with what it is told."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from tests.chaos.ear import Ear
from tests.chaos.proxy import Wires

SECRET = "whsec_" + "c2VjcmV0" * 4


@dataclass
class Telling:
    """An ear, and somebody who tells it."""

    ear: Ear

    def tell(self, number: int, *, secret: str = SECRET, **more: Any) -> None:
        event = f"evt_{number}"
        body = json.dumps({"id": event, "number": number, **more})
        now = datetime.now(UTC)
        headers = {
            "webhook-id": event,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(event, now, body),
        }
        with suppress(requests.ConnectionError):
            requests.post(f"http://{self.ear.host}/hooks", body, headers=headers, timeout=5)

    def objections(self, *numbers: int) -> str:
        """Return what it objects to if these are the numbers of the feed."""
        books: Any = SimpleNamespace(rows=lambda _: [(number,) for number in numbers])
        return "\n".join(self.ear.objections(books))


@pytest.fixture
def telling(wires: Wires) -> Iterator[Telling]:
    ear = Ear(1, wires)
    ear._secret = SECRET
    ear.calm()
    yield Telling(ear)
    ear.close()


def test_all_is_well_if_each_came_at_least_once(telling):
    for number in (2, 1, 2, 3):
        telling.tell(number)

    assert telling.objections(1, 2, 3) == ""


@pytest.mark.parametrize(
    ("told", "feed", "objection"),
    [
        ([1], [1, 2], "1 events that the merchant never took: [2]"),
        ([1, 2], [1], "1 numbers that the merchant was told and nobody gave: [2]"),
        ([1, 3], [1, 3], "1 numbers that are missing in the feed: [2]"),
    ],
)
def test_what_is_missing_is_named(telling, told, feed, objection):
    for number in told:
        telling.tell(number)

    assert telling.objections(*feed) == objection


def test_other_bytes_of_an_event_are_named(telling):
    telling.tell(1)
    telling.tell(1, more=True)

    assert telling.objections(1) == "1 events whose bytes changed: ['evt_1']"


def test_a_signature_of_somebody_else_is_named(telling):
    telling.tell(1, secret="whsec_" + "b3RoZXJz" * 4)

    assert telling.objections(1) == "1 events with a bad signature: ['evt_1']"


def test_what_was_refused_was_not_taken(wires: Wires, monkeypatch):
    monkeypatch.setattr("tests.chaos.ear._MOODS", {"refuse": 0.5, "hang up": 0.5})
    ear = Ear(1, wires)
    ear._secret = SECRET
    telling = Telling(ear)
    for number in range(1, 9):
        telling.tell(number)

    assert telling.objections(*range(1, 9)).startswith("8 events that the merchant never took")
    assert ear.moods["refuse"] + ear.moods["hang up"] == 8
    ear.close()
