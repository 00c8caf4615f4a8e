"""How far the snapshots are behind the books, for the metrics page: read from an index's end."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from core import db
from core.db import rows
from core.metrics import sampler
from ledger.rollup import HEADERS_ABOVE, ROLLED

# Somebody has to look long before there are so many, and counting them all would cost more.
MOST_COUNTED = 10_000

_OLDEST = f"""
    WITH rolled AS ({ROLLED})
    SELECT greatest(0, extract(epoch FROM now() - h.recorded_at))::float8
    FROM ledger_transaction h WHERE {HEADERS_ABOVE} ORDER BY h.xid LIMIT 1
"""  # noqa: S608 - our own constants
_TAIL = f"""
    WITH rolled AS ({ROLLED})
    SELECT count(*) FROM (
        SELECT FROM ledger_transaction h WHERE {HEADERS_ABOVE} ORDER BY h.xid LIMIT {MOST_COUNTED}
    ) AS tail
"""  # noqa: S608 - our own constants
STATEMENTS = (_OLDEST, _TAIL)


@sampler
def ledger() -> Iterable[Metric]:
    """Return how many booked transactions no snapshot has, and how long the oldest has waited."""
    if db.connection().vendor != "postgresql":
        return []
    tail = GaugeMetricFamily(
        "pay_ledger_tail_transactions",
        f"Booked transactions that no snapshot has yet, counted up to {MOST_COUNTED}",
    )
    tail.add_metric([], rows(_TAIL)[0][0])
    oldest = GaugeMetricFamily(
        "pay_ledger_rollup_lag_seconds",
        "How long ago the oldest transaction was booked that no snapshot has",
    )
    waiting = rows(_OLDEST)
    oldest.add_metric([], waiting[0][0] if waiting else 0)
    return [tail, oldest]
