"""How long after its commit a message is carried out on an idle system, by plain ``.delay()``."""

import json
from collections.abc import Sequence
from statistics import median

from config.stack.speech import say
from tests.bench import filling
from tests.bench.ground import Ground
from tests.bench.results import (
    BenchProblem,
    Comparison,
    Figure,
    Reading,
    Series,
    Target,
    percentile,
)

NAME = "latency"
OURS, PLAIN, WHOLE = "message committed → done", ".delay() → done", "POST → SUCCESS"
# The names under which tests.bench.ringing reports.
KINDS = {OURS: "message", PLAIN: "task", WHOLE: "payment"}
TARGET = Target("≤", 1.5)


def latency(ground: Ground) -> Figure:
    """Compare one message at a time with one task and one payment at a time, in turn."""
    blocks, each = ground.pick(10, 2), ground.pick(20, 6)
    with ground.stack("web", "dispatcher", "worker") as stack:
        filling.make_table(stack)
        filling.fill(stack, blocks * each * 2 + 1000, messages=False)
        gap = "0.3" if not ground.quick else "0.05"
        found: dict[str, list[list[float]]] = {label: [] for label in KINDS}
        inside: list[float] = []
        for number in range(blocks + 1):
            said = json.loads(stack.checked("-m", "tests.bench.ringing", str(each), gap))
            if number == 0:
                continue  # connections are opened, and every slot has had some work
            for label, kind in KINDS.items():
                found[label].append(said[kind])
            inside += said["inside"]
            medians = ", ".join(f"{label} {median(found[label][-1]):.1f} ms" for label in KINDS)
            say(NAME, f"block {number} of {blocks}: {medians}")
        _check(stack.value("SELECT count(*) FROM outbox_message WHERE state <> 8"))
    return _figure(found, inside)


def _check(undone: int) -> None:
    if undone:
        message = f"{undone} messages were not done"
        raise BenchProblem(message)


def _figure(found: dict[str, list[list[float]]], inside: list[float]) -> Figure:
    figure = Figure()
    plain = _series(PLAIN, found[PLAIN])
    for label, target in ((OURS, TARGET), (WHOLE, None)):
        what = f"{label} ÷ {PLAIN}, p50"
        ours = _series(label, found[label])
        figure.comparisons.append(Comparison(what, "ms", ours, plain, target))
    for label, groups in found.items():
        everything = [value for group in groups for value in group]
        for percent in (50, 99):
            what = f"{label}, p{percent} of {len(everything)}"
            figure.readings.append(Reading(what, "ms", [percentile(everything, percent)]))
    for percent in (50, 99):
        what = f"POST → SUCCESS by the database's clock, p{percent}"
        figure.readings.append(Reading(what, "ms", [percentile(inside, percent)]))
    return figure


def _series(label: str, groups: Sequence[list[float]]) -> Series:
    return Series(label, [median(group) for group in groups])
