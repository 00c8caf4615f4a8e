"""Committed messages per second through the whole outbox, by plain Celery's ``.delay()``."""

from collections.abc import Callable
from functools import partial
from time import monotonic

from tests.bench import filling
from tests.bench.ground import BenchStack, Ground
from tests.bench.results import Comparison, Figure, Target, by_turns

NAME = "drain"
OURS, PLAIN = "outbox, dispatcher, worker", "Celery .delay()"
TARGET = Target("≥", 4)
WARM_UP = 200
DRAIN_SECONDS = 300


def drain(ground: Ground) -> Figure:
    """Compare both ways of having a row updated, on the same worker."""
    count = ground.pick(10_000, 1_000)
    figure = Figure()
    for slots in (1, 4):
        with ground.stack("worker", slots=slots) as stack:
            filling.make_table(stack)
            contenders: dict[str, Callable[[], float]] = {
                OURS: partial(through_outbox, stack, count),
                PLAIN: partial(through_celery, stack, count),
            }
            through_outbox(stack, WARM_UP)
            through_celery(stack, WARM_UP)
            found = by_turns(f"{NAME} {slots}", ground.pick(5, 1), "/s", contenders)
        what = f"{slots} slot{'s' if slots > 1 else ''} ÷ {PLAIN}"
        target = TARGET if slots == 1 else None
        figure.comparisons.append(Comparison(what, "messages/s", found[OURS], found[PLAIN], target))
    figure.notes.append(f"{count:,} rows to update in each round, on one worker.")
    return figure


def through_outbox(stack: BenchStack, count: int) -> float:
    """Drain committed messages, and return how many a second."""
    filling.fill(stack, count, messages=True)
    began = monotonic()
    stack.launch("dispatcher")
    end = filling.wait_until_touched(stack, DRAIN_SECONDS)
    stack.stop("dispatcher")
    return count / (end - began)


def through_celery(stack: BenchStack, count: int) -> float:
    """Send and carry out plain tasks, and return how many a second."""
    filling.fill(stack, count, messages=False)
    began = monotonic()
    stack.run_beside("sending")
    end = filling.wait_until_touched(stack, DRAIN_SECONDS)
    stack.stop("sending")
    return count / (end - began)
