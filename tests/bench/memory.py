"""What the processes of the stack hold in memory, idle and after load."""

from time import sleep
from typing import NamedTuple

import psutil

from config.stack.speech import say
from tests.bench.ground import BenchStack, Ground
from tests.bench.posting import CONNECTIONS, Posting
from tests.bench.results import Comparison, Figure, Reading, Series
from tests.bench.settled import wait_until_settled

NAME = "memory"
MIB = 2**20
OURS = ("web", "dispatcher", "worker")


class Held(NamedTuple):
    """What the processes of one program hold, in MiB; PSS shares out what several use."""

    rss: list[float]
    pss: float
    uss: float


def memory(ground: Ground) -> Figure:
    """Compare memory after load with memory at rest, by program."""
    with ground.stack(*OURS) as stack:
        posting = Posting(stack)
        posting.warm_up()
        wait_until_settled(stack)
        sleep(1)
        idle = _held(stack)
        seconds = ground.pick(60, 2)
        rate = posting.many(2 * CONNECTIONS, seconds)
        wait_until_settled(stack)
        after = _held(stack)
    say(NAME, f"{rate.creates:,} payments in {seconds} s of load")
    figure = Figure(notes=[f"Load: {rate.creates:,} payments accepted and settled."])
    for name, now in after.items():
        count = len(now.rss)
        what = f"{name}, {count} process{'es' if count > 1 else ''}"
        before = Series("idle", [idle[name].pss])
        comparison = Comparison(
            f"{what}, PSS: after load ÷ idle", "MiB", Series("after load", [now.pss]), before
        )
        figure.comparisons.append(comparison)
        figure.readings.append(Reading(f"{what}: RSS of each after load", "MiB", now.rss))
        figure.readings.append(Reading(f"{what}: USS in all after load", "MiB", [now.uss]))
    return figure


def _held(stack: BenchStack) -> dict[str, Held]:
    families = {name: stack._family(name) for name in (*OURS, "broker")}
    families["postgres"] = _with_children(stack.databases.server_pid)
    return {name: _sum(family) for name, family in families.items()}


def _with_children(pid: int | None) -> list[psutil.Process]:
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def _sum(family: list[psutil.Process]) -> Held:
    each = [process.memory_full_info() for process in family]
    return Held(
        [one.rss / MIB for one in each],
        sum(one.pss for one in each) / MIB,
        sum(one.uss for one in each) / MIB,
    )
