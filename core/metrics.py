"""What is counted, for all processes together, and the page that shows it.

Each process writes files of its own in ``PROMETHEUS_MULTIPROC_DIR``; the page adds them up.
The variable must be set before this import, because the client chooses its storage then.
"""

import os
import struct
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from core.logging import get_logger

log = get_logger(__name__)

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"

_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_GATEWAY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

REQUESTS = Counter("pay_requests_total", "HTTP requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "pay_request_seconds", "Time to answer an HTTP request", ["route"], buckets=_REQUEST_BUCKETS
)
GATEWAY_CALLS = Counter(
    "pay_gateway_calls_total", "Calls to providers", ["gateway", "operation", "outcome"]
)
GATEWAY_SECONDS = Histogram(
    "pay_gateway_seconds",
    "Time a provider took to answer",
    ["gateway", "operation"],
    buckets=_GATEWAY_BUCKETS,
)
MESSAGES_PUBLISHED = Counter("pay_messages_published_total", "Messages handed to the broker")
PUBLISH_FAILURES = Counter(
    "pay_publish_failures_total", "Messages given back because the broker did not take them"
)
LOST_IN_TRANSPORT = Counter(
    "pay_messages_lost_in_transport_total", "Messages handed to the broker and never started"
)
MESSAGES_LAPSED = Counter(
    "pay_messages_lapsed_total", "Messages whose worker outlived its lease or died"
)
MESSAGES_DEAD = Counter("pay_messages_dead_total", "Messages given up, left to an operator")
MESSAGES_SETTLED = Counter(
    "pay_messages_settled_total", "Messages a worker finished with", ["kind", "result"]
)
SETTLE_RETRIES = Counter(
    "pay_settle_retries_total", "Settle groups taken apart after an error or a deadlock"
)
STALE_DELIVERIES = Counter(
    "pay_stale_deliveries_total", "Deliveries of a message that had moved on", ["kind"]
)
FENCE_REJECTIONS = Counter(
    "pay_fence_rejections_total", "Commits refused because the message's epoch had risen"
)
STARTS_ON_SETTLED = Counter(
    "pay_starts_on_settled_total", "Messages started for an operation already settled"
)
PROVIDER_EVENTS = Counter(
    "pay_provider_events_total", "Provider webhooks by what became of them", ["gateway", "result"]
)
WEBHOOKS = Counter(
    "pay_webhook_attempts_total", "Tries to tell merchants, by how they ended", ["result"]
)
WEBHOOK_SECONDS = Histogram(
    "pay_webhook_seconds", "Time that a try to tell a merchant took", buckets=_GATEWAY_BUCKETS
)
WEBHOOK_ENDPOINTS_DISABLED = Counter(
    "pay_webhook_endpoints_disabled_total", "Merchants' endpoints disabled, by whom", ["by"]
)
REVIEWS = Counter(
    "pay_reviews_total", "Payments that a person was asked to look at, by what for", ["reason"]
)
WAKE_HINT_FAILURES = Counter(
    "pay_wake_hint_failures_total", "Wake hints that did not reach the broker"
)
BREAKER_OPEN = Gauge(
    "pay_breaker_open",
    "1 while the dispatcher leaves the broker alone",
    multiprocess_mode="livemax",
)
SAMPLER_FAILURES = Counter(
    "pay_sampler_failures_total", "Samplers that failed when the page was read", ["sampler"]
)

# What reading a file that is being made, or was cut short by a kill, can raise.
_BROKEN = (struct.error, ValueError, RuntimeError, OSError)

Sampler = Callable[[], Iterable[Metric]]
_samplers: dict[str, Sampler] = {}


def sampler(fn: Sampler) -> Sampler:
    """Register a function to be asked for its metrics each time the page is read."""
    _samplers[f"{fn.__module__}.{fn.__qualname__}"] = fn
    return fn


def _sampled() -> list[Metric]:
    found: list[Metric] = []
    for name, fn in _samplers.items():
        try:
            found += [*fn()]
        except Exception:
            SAMPLER_FAILURES.labels(name).inc()
            log.exception("metrics.sampler_failed", sampler=name)
    return found


class _Given:
    """Metrics gathered beforehand, in the form a registry takes."""

    def __init__(self, found: list[Metric]) -> None:
        self.found = found

    def collect(self) -> list[Metric]:
        return self.found


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_current(file: Path) -> bool:
    # A live gauge speaks of its process, so it ends with it; a counter stays part of the sum.
    kind, _, pid = file.stem.rpartition("_")
    return not kind.startswith("gauge_live") or _is_alive(int(pid))


def _is_readable(file: str) -> bool:
    try:
        deque(MmapedDict.read_all_values_from_file(file), maxlen=0)  # type: ignore[no-untyped-call]
    except _BROKEN:
        # One file, not the page.
        log.warning("metrics.file_unreadable", file=Path(file).name)
        return False
    return True


def _merged(files: list[str]) -> list[Metric]:
    return [*MultiProcessCollector.merge(files)]  # type: ignore[no-untyped-call]


def _counted() -> list[Metric]:
    """Add up the files of all processes, without what a dead one claims to be now."""
    files = [str(file) for file in Path(settings.METRICS_DIR).glob("*.db") if _is_current(file)]
    try:
        return _merged(files)
    except _BROKEN:
        log.warning("metrics.merge_failed", files=len(files))
        return _merged([file for file in files if _is_readable(file)])


def exposition() -> bytes:
    """Return the page's text: all processes' counts, then what the samplers found."""
    # First, so that a sampler's failure is already counted on this page.
    found = _sampled()
    registry = CollectorRegistry()
    registry.register(_Given([*_counted(), *found]))
    return generate_latest(registry)


@csrf_exempt  # or a wrong method would be called a forgery
@require_safe
def metrics(_request: HttpRequest) -> HttpResponse:
    """Answer with the metrics of every process, in Prometheus' text format."""
    return HttpResponse(exposition(), content_type=TEXT_FORMAT)
