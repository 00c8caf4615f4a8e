"""What an endpoint's answers say about it: when it is left alone, and when it is sent to again."""

from datetime import datetime

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

DISABLED = "webhook_endpoint.disabled"
AGGREGATE = "webhook_endpoint"
DETAIL_LENGTH = 500
# What one of a batch takes, the slot takes that carries the batch.
SLOW_SECONDS = 1.0
HEALTH = (
    *("status", "disabled_by", "disabled_detail", "disabled_at", "failures", "failing_since"),
    *("probe_at", "is_slow", "version", "updated_at"),
)


def timed(endpoint: Endpoint, seconds: float) -> None:
    """Note how long an endpoint let us wait; the caller writes it down.

    One that refuses at once costs others nothing.
    """
    endpoint.is_slow = seconds > SLOW_SECONDS


def succeeded(endpoint: Endpoint) -> None:
    """Note that an endpoint took something; the caller writes it down."""
    endpoint.failures, endpoint.failing_since, endpoint.probe_at = 0, None, None


@needs_transaction
def failed(endpoint: Endpoint, began: datetime, now: datetime, detail: str) -> None:
    """Note that an endpoint did not take a try that began then; the caller writes it down.

    One that took nothing at all for too long is disabled.
    """
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or began
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

    Its merchant learns of it by the feed, unless it was the merchant.
    """
    endpoint.status, endpoint.disabled_by, endpoint.disabled_at = EndpointStatus.DISABLED, by, now
    endpoint.disabled_detail = clean(detail, DETAIL_LENGTH)
    endpoint.version += 1
    endpoint.updated_at = now
    WEBHOOK_ENDPOINTS_DISABLED.labels(by.value).inc()
    log.warning("endpoint.disabled", endpoint_id=str(endpoint.id), by=by.value, detail=detail)
    if by is not DisabledBy.MERCHANT:
        Event.objects.create(
            merchant_id=endpoint.merchant_id,
            mode=endpoint.mode,
            aggregate_type=AGGREGATE,
            aggregate_id=endpoint.id,
            type=DISABLED,
            version=endpoint.version,
            payload=endpoint_dict(endpoint),
        )


def enable(endpoint: Endpoint, now: datetime) -> None:
    """Have an endpoint sent to again, as if it had never failed; the caller writes it down."""
    endpoint.status, endpoint.disabled_by, endpoint.disabled_at = EndpointStatus.ENABLED, "", None
    endpoint.disabled_detail = ""
    endpoint.version += 1
    endpoint.updated_at = now
    succeeded(endpoint)
