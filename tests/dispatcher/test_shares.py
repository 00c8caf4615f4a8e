"""Who lets us wait takes no share from who does not."""

from datetime import timedelta

import pytest

from core.db import rows
from dispatcher import shares
from outbox import leasing
from tests.dispatcher.driving import tick
from tests.outbox.planting import plant

SLOTS = 4


def lanes(*names: str) -> list[str]:
    kinds = {True: "deliver_slowly", False: "deliver"}
    return [f"{kinds[name.startswith('slow:')]}:{name.removeprefix('slow:')}" for name in names]


@pytest.mark.parametrize(
    ("lane", "in_flight", "free"),
    [
        ("a.1", [], 1),
        ("a.1", ["a.1"], 0),
        ("a.2", ["a.1"], 0),
        ("b.1", ["a.1"], 1),
        ("b.1", ["a.1", "slow:a.2"], 1),
        ("b.1", ["a.1", "slow:a.2", "c.1"], 0),
        ("slow:b.1", [], 1),
        ("slow:b.1", ["slow:a.1"], 0),
        ("slow:b.1", ["a.1"], 1),
        ("a.2", ["slow:a.1"], 1),
        ("slow:a.1", ["a.1"], 0),
        ("a.1", ["slow:a.1"], 0),
    ],
)
def test_an_endpoint_has_a_job_where_its_share_allows(lane, in_flight, free):
    (mine,) = lanes(lane)

    assert shares.free_jobs(mine, [*lanes(*in_flight), "charge:mock"], SLOTS) == free


def test_whoever_is_alone_has_a_slot_even_if_there_is_one():
    assert shares.free_jobs("deliver:a.1", [], 1) == 1
    assert shares.free_jobs("deliver_slowly:a.1", ["charge:mock"], 1) == 1


@pytest.mark.usefixtures("committed_db")
class TestTheDispatcher:
    def test_hands_over_one_job_of_each_merchant(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 4, 5
        names = ["deliver:a.1", "deliver:a.2", "deliver:b.1"]
        for name in names:
            plant(20, lane=name)

        tick(loop, 4)

        flying = {flight.lane for flight in _flights()}
        assert "deliver:b.1" in flying
        assert len(flying) == 2

    def test_leaves_providers_a_slot_whoever_lets_us_wait(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 4, 5
        for name in ("a", "b", "c", "d"):
            plant(20, lane=f"deliver:{name}.1")
            plant(20, lane=f"deliver_slowly:{name}.2")
        plant(20, lane="charge:mock")

        tick(loop, 6)

        flights = _flights()
        deliveries = [one.lane for one in flights if shares.is_delivery(one.lane)]
        assert len(deliveries) <= 3
        assert sum(name.startswith("deliver_slowly") for name in deliveries) <= 1
        assert any(one.lane == "charge:mock" for one in flights)

    def test_lets_merchants_take_turns_before_their_endpoints_do(self, loop, broker, settings):
        settings.WORKER_SLOTS, settings.BATCH_SIZE = 4, 1
        for name in ("a.1", "a.2", "a.3", "a.4", "b.1"):
            plant(8, lane=f"deliver_slowly:{name}")

        served = []
        for _ in range(8):
            tick(loop, 2)
            served += [flight.lane for flight in _flights()]
            rows("UPDATE outbox_message SET state = 8, finished_at = now() WHERE state = 1")

        assert len(served) == 8
        assert [lane == "deliver_slowly:b.1" for lane in served].count(True) == 4
        assert {lane[-3:] for lane in served} == {"a.1", "a.2", "a.3", "a.4", "b.1"}


def _flights():
    return leasing.in_flight(timedelta(seconds=10))
