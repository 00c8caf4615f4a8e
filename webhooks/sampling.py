"""Webhooks that nobody could apply, for the metrics page: read from a partial index only."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from core.db import rows
from core.metrics import sampler

_PARKED = (
    "SELECT count(*) FROM webhooks_providerevent WHERE parked_at IS NOT NULL AND closed_at IS NULL"
)
STATEMENTS = (_PARKED,)


def parked_events() -> int:
    """Return how many provider events nobody could apply, and nobody closed."""
    return int(rows(_PARKED)[0][0])


@sampler
def webhooks() -> Iterable[Metric]:
    """Return how many provider events are parked."""
    parked = GaugeMetricFamily(
        "pay_provider_events_parked", "Provider events that wait for an operator"
    )
    parked.add_metric([], parked_events())
    return [parked]
