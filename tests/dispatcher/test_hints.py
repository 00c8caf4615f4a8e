"""A hint says where there is work, and nothing depends on it."""

from time import monotonic

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.db import rows
from dispatcher.loop import LANES_MAX, Loop
from outbox import leasing, waking
from tests.dispatcher.driving import NOWHERE, queued, tick
from tests.outbox.planting import plant

pytestmark = pytest.mark.usefixtures("committed_db")


def asked_in_a_tick(loop: Loop) -> str:
    with CaptureQueriesContext(connection) as captured:
        tick(loop)
    return " ".join(query["sql"] for query in captured)


class TestAHint:
    def test_wakes_for_its_lane(self, loop, monkeypatch):
        monkeypatch.setattr(waking, "_quiet_until", 0.0)
        waking.wake("charge:new")

        assert loop.publisher.next_hint(1) == "charge:new"

    def test_is_given_once_for_many_messages_of_one_moment(self, broker, monkeypatch):
        monkeypatch.setattr(waking, "_quiet_until", 0.0)
        monkeypatch.setattr(waking, "HINT_EVERY_SECONDS", 60.0)
        for lane in ("charge:new", "charge:new", "refund:new", "charge:new"):
            waking.wake(lane)

        hints = [hint.decode() for hint in broker.lrange(waking.HINTS, 0, -1)]
        assert sorted(hints) == ["charge:new", "refund:new"]

    def test_has_its_lane_claimed_without_a_look_at_the_others(self, loop, broker):
        broker.lpush(waking.HINTS, "refund:new")
        tick(loop)
        plant(1, lane="refund:new")

        asked = asked_in_a_tick(loop)

        assert [lane for lane, _ in queued(broker)] == ["refund:new"]
        assert leasing._CLAIM.name in asked
        assert leasing._DUE_LANES.name not in asked

    def test_is_followed_without_a_look_at_the_flight_only_while_nothing_flies(self, loop, broker):
        plant(1)
        tick(loop)
        during = self.hinted(loop, broker)
        rows("UPDATE outbox_message SET state = 8, finished_at = now()")
        tick(loop, 2)

        after = self.hinted(loop, broker)

        assert leasing._IN_FLIGHT.name in during
        assert leasing._CLAIM.name in after
        assert leasing._IN_FLIGHT.name not in after
        assert leasing._IN_FLIGHT.name in asked_in_a_tick(loop)

    def hinted(self, loop, broker) -> str:
        """Hint of a message, and return what is asked when the hint is followed."""
        broker.lpush(waking.HINTS, "refund:new")
        while not loop._hinted:
            tick(loop)
        plant(1, lane="refund:new")
        return asked_in_a_tick(loop)

    def test_keeps_no_other_lane_waiting_however_many_come(self, loop, broker):
        broker.lpush(waking.HINTS, "charge:new")
        tick(loop)
        plant(1, lane="charge:other")
        loop._next_full_poll = 0.0

        for _ in range(6):
            broker.lpush(waking.HINTS, "charge:new")
            tick(loop)

        assert [lane for lane, _ in queued(broker)] == ["charge:other"]

    def test_that_nobody_takes_is_not_repeated_for_a_while(self, broker, monkeypatch):
        monkeypatch.setattr(waking, "_quiet_until", 0.0)
        for number in range(150):
            broker.lpush(waking.HINTS, f"charge:{number}")

        waking.wake("charge:new")
        waking.wake("refund:new")

        hints = broker.lrange(waking.HINTS, 0, -1)
        assert len(hints) == 100
        assert hints[0] == b"charge:new"
        assert waking._quiet_until > monotonic()

    def test_is_dropped_without_a_broker(self, settings, monkeypatch):
        monkeypatch.setattr(waking, "_quiet_until", 0.0)
        settings.REDIS_URL = NOWHERE
        waking._client.cache_clear()

        waking.wake("charge:new")

        assert waking._quiet_until > monotonic()
        waking._client.cache_clear()


@pytest.mark.parametrize("hint", [b"\xff\xfe:mock", b"", b"x" * 200, b"charge:\n", b"charge"])
def test_a_hint_that_names_no_lane_is_dropped(loop, broker, hint):
    broker.lpush(waking.HINTS, hint)

    assert loop.publisher.next_hint(1) is None
    assert broker.llen(waking.HINTS) == 0


def test_hints_cannot_fill_the_memory(loop, broker):
    for number in range(LANES_MAX + 5):
        broker.lpush(waking.HINTS, f"charge:{number}")

    tick(loop, 2 * (LANES_MAX + 5))

    assert len(loop._floors) == LANES_MAX
