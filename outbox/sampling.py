"""What stands in the outbox now, for the metrics page: read from partial indexes only.

Done rows are in none of those indexes, so however many there are, they cost nothing here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from core.db import rows
from core.metrics import sampler

# The oldest is the one that has been due for longest; a retry that waits for its time is not late.
_PENDING = """
    SELECT lane, count(*),
           greatest(0, extract(epoch FROM now() - min(available_at)))::float8
    FROM outbox_message WHERE state = 0 GROUP BY lane
"""
_IN_FLIGHT = """
    SELECT lane, count(*), count(*) FILTER (WHERE started_at IS NULL)
    FROM outbox_message WHERE state = 1 GROUP BY lane
"""
_STOPPED = """
    SELECT lane, count(*) FILTER (WHERE state = 3), count(*) FILTER (WHERE state = 9)
    FROM outbox_message WHERE state IN (3, 9) GROUP BY lane
"""
STATEMENTS = (_PENDING, _IN_FLIGHT, _STOPPED)

# A metric without a sample cannot be told from one that is gone.
_NONE = [("", 0, 0)]


@dataclass(frozen=True, slots=True)
class Standing:
    """How many messages there are, and for how long the oldest waiting one has been due."""

    pending: int
    oldest_seconds: float
    in_flight: int
    held: int
    dead: int


def _by_name(
    found: Iterable[tuple[str, float, float]], *adds: Callable[[list[float]], float]
) -> dict[str, list[float]]:
    """Return the figures of lanes by their names; those with a dot are too many to be told apart.

    A label for each endpoint of each merchant would be more than any monitoring takes.
    """
    by_name: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for lane, *figures in found:
        name = lane.partition(":")[0] if "." in lane else lane
        by_name[name].append((figures[0], figures[1]))
    return {
        name: [
            add(list(column)) for add, column in zip(adds, zip(*rows_, strict=True), strict=True)
        ]
        for name, rows_ in by_name.items()
    }


def standing() -> Standing:
    """Return how the outbox stands, over all lanes."""
    pending, in_flight, stopped = rows(_PENDING), rows(_IN_FLIGHT), rows(_STOPPED)
    return Standing(
        pending=sum(count for _, count, _ in pending),
        oldest_seconds=max((seconds for _, _, seconds in pending), default=0.0),
        in_flight=sum(count for _, count, _ in in_flight),
        held=sum(held for _, held, _ in stopped),
        dead=sum(dead for _, _, dead in stopped),
    )


@sampler
def outbox() -> Iterable[Metric]:
    """Return how many messages there are by state and lane, and how late the oldest is."""
    messages = GaugeMetricFamily(
        "pay_messages", "Messages that are not done", labels=["state", "lane"]
    )
    oldest = GaugeMetricFamily(
        "pay_oldest_pending_seconds",
        "How long the longest-waiting message of a lane has been due",
        labels=["lane"],
    )
    unstarted = GaugeMetricFamily(
        "pay_in_flight_unstarted",
        "Messages handed to the broker that no worker has started",
        labels=["lane"],
    )
    for lane, (count, seconds) in _by_name(rows(_PENDING) or _NONE, sum, max).items():
        messages.add_metric(["pending", lane], count)
        oldest.add_metric([lane], seconds)
    for lane, (count, waiting) in _by_name(rows(_IN_FLIGHT) or _NONE, sum, sum).items():
        messages.add_metric(["in_flight", lane], count)
        unstarted.add_metric([lane], waiting)
    for lane, (held, dead) in _by_name(rows(_STOPPED) or _NONE, sum, sum).items():
        messages.add_metric(["held", lane], held)
        messages.add_metric(["dead", lane], dead)
    return [messages, oldest, unstarted]
