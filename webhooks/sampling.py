"""What waits for somebody in this room, for the metrics page: read from partial indexes only."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from core.db import rows
from core.metrics import sampler

_PARKED = (
    "SELECT count(*) FROM webhooks_providerevent WHERE parked_at IS NOT NULL AND closed_at IS NULL"
)
_GIVEN_UP = """
    SELECT count(*) FROM webhooks_endpoint
    WHERE status = 'disabled' AND deleted_at IS NULL AND disabled_by IN ('gone', 'failing')
"""
_PENDING = "SELECT count(*) FROM webhooks_delivery WHERE status = 'pending'"
STATEMENTS = (_PARKED, _GIVEN_UP, _PENDING)


def parked_events() -> int:
    """Return how many provider events nobody could apply, and nobody closed."""
    return int(rows(_PARKED)[0][0])


def endpoints_given_up() -> int:
    """Return how many endpoints we disabled because they take nothing."""
    return int(rows(_GIVEN_UP)[0][0])


@sampler
def webhooks() -> Iterable[Metric]:
    """Return how many provider events are parked, and how it stands with telling merchants."""
    parked = GaugeMetricFamily(
        "pay_provider_events_parked", "Provider events that wait for an operator"
    )
    parked.add_metric([], parked_events())
    given_up = GaugeMetricFamily(
        "pay_webhook_endpoints_given_up", "Merchants' endpoints that were disabled for failing"
    )
    given_up.add_metric([], endpoints_given_up())
    pending = GaugeMetricFamily(
        "pay_webhook_deliveries_pending", "Deliveries to merchants that are not over"
    )
    pending.add_metric([], int(rows(_PENDING)[0][0]))
    return [parked, given_up, pending]
