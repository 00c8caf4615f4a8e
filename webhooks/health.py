"""What an endpoint's answers say about it: when it is left alone, and when it is sent to again."""

from datetime import datetime, timedelta
from random import uniform

from django.conf import settings

from core.db import needs_transaction
from core.logging import get_logger
from core.metrics import WEBHOOK_ENDPOINTS_DISABLED
from core.provider_text import clean
from payments.models import Event
from webhooks.models import Delivery, DisabledBy, Endpoint, EndpointStatus
from webhooks.rendering import endpoint_dict
from webhooks.trail import first_try

log = get_logger(__name__)

DISABLED, ENABLED = "webhook_endpoint.disabled", "webhook_endpoint.enabled"
AGGREGATE = "webhook_endpoint"
DETAIL_LENGTH = 500
# What one of a batch takes, the slot takes that carries the batch.
SLOW_SECONDS = 1.0
# Who answers late and soon by turns would take a slot of the others' every other time.
SLOW_FOR = timedelta(minutes=5)
# No delivery rests for so long between two tries: what failed before that is another story.
STREAK_GAP_MAX = timedelta(hours=36)
PATIENCE_MAX = timedelta(hours=1)
# An endpoint that has failed so often in a row is asked with one at a time, and the others wait.
BREAKER_FAILURES = 50
BREAKER_WAIT = timedelta(seconds=60)
BREAKER_WAIT_MAX = timedelta(minutes=10)
HEALTH = (
    *("status", "disabled_by", "disabled_detail", "disabled_at", "failures", "failing_since"),
    *("failed_at", "probe_at", "is_slow", "slow_until", "version", "updated_at"),
)


def timed(endpoint: Endpoint, seconds: float, now: datetime) -> None:
    """Note how long an endpoint let us wait; the caller writes it down.

    One that refuses at once costs others nothing.
    """
    if seconds > SLOW_SECONDS:
        endpoint.is_slow, endpoint.slow_until = True, now + SLOW_FOR
    elif endpoint.slow_until is None or now >= endpoint.slow_until:
        endpoint.is_slow, endpoint.slow_until = False, None


def forget_failures(endpoint: Endpoint) -> None:
    """Begin anew: it took something, or is another one now; the caller writes it down."""
    endpoint.failures, endpoint.failing_since, endpoint.failed_at = 0, None, None
    endpoint.probe_at = None


def tried(endpoint: Endpoint, now: datetime) -> None:
    """Note that an endpoint is about to be sent something; the caller writes it down."""
    if endpoint.failures >= BREAKER_FAILURES:
        endpoint.probe_at = max(endpoint.probe_at or now, now + BREAKER_WAIT)


def held_back_for(endpoint: Endpoint, until: datetime, now: datetime) -> timedelta:
    """Return how long a delivery waits that may not go before then, each for another time."""
    wait = (until - now) * uniform(1, 1.1)  # noqa: S311
    if endpoint.failures < BREAKER_FAILURES:
        return wait
    # The longer it has failed, the more there are that wait.
    failing = now - (endpoint.failing_since or now)
    usual = min(max(failing / 10, BREAKER_WAIT), BREAKER_WAIT_MAX) * uniform(0.5, 1.5)  # noqa: S311
    return max(wait, usual)


@needs_transaction
def failed(
    endpoint: Endpoint, began: datetime, now: datetime, detail: str, patience: float | None
) -> None:
    """Note that an endpoint did not take a try that began then; the caller writes it down.

    One that took nothing at all for too long is disabled. One that asked for so many seconds of
    patience is sent nothing else either for so long, up to an hour.
    """
    if endpoint.failed_at and now - endpoint.failed_at > STREAK_GAP_MAX:
        forget_failures(endpoint)
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or began
    endpoint.failed_at = now
    if patience is not None:
        until = now + min(timedelta(seconds=patience), PATIENCE_MAX)
        endpoint.probe_at = max(until, endpoint.probe_at or until)
    if endpoint.is_open and now - endpoint.failing_since >= settings.WEBHOOK_DISABLE_AFTER:
        since = endpoint.failing_since.isoformat(timespec="seconds")
        told = f"{endpoint.failures} failures in a row since {since}; the last: {detail}"
        disable(endpoint, DisabledBy.FAILING, now, told)


@needs_transaction
def exhausted(endpoint: Endpoint, delivery: Delivery, now: datetime, detail: str) -> None:
    """Note that the last try of a delivery was in vain, too; the caller writes it down.

    An endpoint that took nothing since the first one is disabled: its merchant has to be told.
    """
    since = endpoint.failing_since
    if endpoint.is_open and since is not None and since <= first_try(delivery):
        disable(endpoint, DisabledBy.FAILING, now, f"every try of a delivery failed: {detail}")


@needs_transaction
def disable(endpoint: Endpoint, by: DisabledBy, now: datetime, detail: str = "") -> None:
    """Stop what is sent to an endpoint; the caller, who has its lock, writes it down.

    Its merchant learns of it by the feed.
    """
    endpoint.status, endpoint.disabled_by, endpoint.disabled_at = EndpointStatus.DISABLED, by, now
    endpoint.disabled_detail = clean(detail, DETAIL_LENGTH)
    endpoint.version += 1
    endpoint.updated_at = now
    WEBHOOK_ENDPOINTS_DISABLED.labels(by.value).inc()
    log.warning("endpoint.disabled", endpoint_id=str(endpoint.id), by=by.value, detail=detail)
    _tell(endpoint, DISABLED)


@needs_transaction
def enable(endpoint: Endpoint, now: datetime) -> None:
    """Have an endpoint sent to again, as if it had never failed; the caller writes it down.

    Its merchant learns of it by the feed.
    """
    endpoint.status, endpoint.disabled_by, endpoint.disabled_at = EndpointStatus.ENABLED, "", None
    endpoint.disabled_detail = ""
    endpoint.version += 1
    endpoint.updated_at = now
    forget_failures(endpoint)
    _tell(endpoint, ENABLED)


@needs_transaction
def _tell(endpoint: Endpoint, name: str) -> None:
    Event.objects.create(
        merchant_id=endpoint.merchant_id,
        mode=endpoint.mode,
        aggregate_type=AGGREGATE,
        aggregate_id=endpoint.id,
        type=name,
        version=endpoint.version,
        payload=endpoint_dict(endpoint),
    )
