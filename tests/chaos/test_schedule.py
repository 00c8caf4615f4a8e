"""A seed is a plan: the same one each time, with somebody always frozen."""

import json
from itertools import pairwise

import pytest

from tests.chaos import schedule
from tests.chaos.faults import Mischief

MINUTES = 600.0
ALL = list(schedule.KINDS)


def test_a_seed_gives_the_same_plan_and_another_one_another():
    plans = [schedule.plan(seed, MINUTES, ALL) for seed in (1, 1, 2)]

    assert plans[0] == plans[1]
    assert plans[0] != plans[2]


def test_every_fault_happens_and_each_ends_in_time():
    planned = schedule.plan(1, MINUTES, ALL)

    assert {one.fault for one in planned} == set(ALL)
    assert all(one.at + one.seconds <= MINUTES for one in planned)
    assert [one.at for one in planned] == sorted(one.at for one in planned)
    assert sum(one.fault == "kill" for one in planned) > 200


def test_some_worker_is_always_frozen_past_its_lease():
    zombies = [one for one in schedule.plan(3, MINUTES, ALL) if one.fault == schedule.ZOMBIE]

    gaps = [b.at - a.at - a.seconds for a, b in pairwise(zombies)]
    assert max(gaps) < 1
    assert min(one.seconds for one in zombies) > 8


def test_nobody_kills_a_zombie():
    planned = schedule.plan(4, MINUTES, ALL)
    zombies = [one for one in planned if one.fault == schedule.ZOMBIE]

    killed = [
        one
        for one in planned
        for zombie in zombies
        if one.fault == "kill"
        and one.target.split()[0] == zombie.target
        and zombie.at <= one.at <= zombie.at + zombie.seconds
    ]

    assert killed == []


def test_one_fault_alone_keeps_its_time():
    planned = schedule.plan(5, 60.0, ["broker-wipe"])

    assert [one.at for one in planned] == [10, 20, 30, 40, 50, 60]


@pytest.mark.parametrize("name", ALL)
def test_every_fault_can_be_done(name):
    assert callable(getattr(Mischief, f"_{name.replace('-', '_')}"))


def test_a_plan_is_written_down(tmp_path):
    planned = schedule.plan(6, 20.0, ALL)

    schedule.write(planned, tmp_path / "schedule.json")

    read = json.loads((tmp_path / "schedule.json").read_text())
    assert [schedule.Planned(**one) for one in read] == planned
