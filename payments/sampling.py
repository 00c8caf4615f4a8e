"""Payments that somebody should look at, for the metrics page: read from partial indexes only."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from core.db import rows
from core.metrics import sampler
from payments.numbering import MARK, NOBODY

_NEEDS_REVIEW = "SELECT count(*) FROM payments_payment WHERE needs_review"
_UNKNOWN = """
    SELECT count(*), coalesce(extract(epoch FROM now() - min(outcome_unknown_since)), 0)::float8
    FROM {table} WHERE outcome_unknown_since IS NOT NULL
"""
UNKNOWN_PAYMENTS = _UNKNOWN.format(table="payments_payment")
UNKNOWN_REFUNDS = _UNKNOWN.format(table="payments_refund")
# From the end of an index: what is numbered is not read again.
UNNUMBERED = f"""
    WITH mark AS ({MARK})
    SELECT greatest(0, extract(epoch FROM now() - e.created_at))::float8 FROM payments_event e
    WHERE (e.xid, e.id) > (coalesce((SELECT xid FROM mark), '0'),
                           coalesce((SELECT event_id FROM mark), {NOBODY}))
    ORDER BY e.xid, e.id LIMIT 1
"""  # noqa: S608 - our own constants
STATEMENTS = (_NEEDS_REVIEW, UNKNOWN_PAYMENTS, UNKNOWN_REFUNDS)


def needing_review() -> int:
    """Return how many payments a person must look at."""
    return int(rows(_NEEDS_REVIEW)[0][0])


def unknown_payments() -> tuple[int, float]:
    """Return how many payments have an unknown outcome, and the oldest's seconds of that."""
    count, seconds = rows(UNKNOWN_PAYMENTS)[0]
    return int(count), float(seconds)


def unnumbered_seconds() -> float:
    """Return how long the oldest event has waited that has no number yet; 0 if all have one."""
    waiting = rows(UNNUMBERED)
    return float(waiting[0][0]) if waiting else 0.0


@sampler
def events() -> Iterable[Metric]:
    """Return how far the numbers of events are behind."""
    lag = GaugeMetricFamily(
        "pay_events_unnumbered_seconds",
        "How long ago the oldest event was written that has no number yet",
    )
    lag.add_metric([], unnumbered_seconds())
    return [lag]


@sampler
def payments() -> Iterable[Metric]:
    """Return how many payments need a person, and how many outcomes nobody knows."""
    review = GaugeMetricFamily(
        "pay_payments_needs_review", "Payments that an operator must look at"
    )
    review.add_metric([], needing_review())
    unknown = GaugeMetricFamily(
        "pay_outcome_unknown", "Subjects whose provider has not been heard", labels=["subject"]
    )
    oldest = GaugeMetricFamily(
        "pay_oldest_outcome_unknown_seconds",
        "How long the oldest unknown outcome has been so",
        labels=["subject"],
    )
    for subject, sql in (("payment", UNKNOWN_PAYMENTS), ("refund", UNKNOWN_REFUNDS)):
        count, seconds = rows(sql)[0]
        unknown.add_metric([subject], count)
        oldest.add_metric([subject], seconds)
    return [review, unknown, oldest]
