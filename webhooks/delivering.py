"""What a worker does for a delivery: local, foreign, local. To its receiver it is at least once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings

from core.db import needs_transaction, rows_of_values, transaction_time
from core.ids import uuid7
from core.logging import get_logger
from core.metrics import WEBHOOK_SECONDS, WEBHOOKS
from outbox.handling import Again, Call, Completion, Done, Plan, Started
from payments.events import public_id
from webhooks import fanout, health, keeping, schedule
from webhooks.fanout import DELIVER
from webhooks.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    DisabledBy,
    Endpoint,
    Result,
)
from webhooks.posting import GONE, TOTAL_SECONDS, Heard, Post, Sender
from webhooks.progress import ANSWER, ANSWER_TYPES, PROGRESS, WRITE, WRITE_TYPES
from webhooks.trail import beginnings

log = get_logger(__name__)

DISABLED, GONE_REASON = "endpoint_disabled", "endpoint_gone"
EXHAUSTED, GIVEN_UP = "tries_exhausted", "given_up"


@dataclass(slots=True)
class Round:
    """The deliveries of a group with their endpoints, all locked."""

    now: datetime
    deliveries: dict[UUID, Delivery]
    endpoints: dict[UUID, Endpoint]
    seen_at: float = field(default_factory=monotonic)
    _read: dict[UUID, tuple[Any, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self._read = {one.id: _values(one) for one in self._all()}

    def _all(self) -> Iterator[Delivery | Endpoint]:
        yield from self.deliveries.values()
        yield from self.endpoints.values()

    def endpoint_of(self, delivery: Delivery) -> Endpoint:
        """Return where a delivery goes."""
        return self.endpoints[delivery.endpoint_id]

    def write(self) -> None:
        """Write down what changed."""
        # Not endpoints that are well, and were: it would be the same row for every batch.
        changed = [one for one in self._all() if _values(one) != self._read[one.id]]
        deliveries = [(one.id, *_values(one)) for one in changed if isinstance(one, Delivery)]
        rows_of_values(WRITE, WRITE_TYPES, deliveries)
        endpoints = [one for one in changed if isinstance(one, Endpoint)]
        Endpoint.objects.bulk_update(endpoints, health.HEALTH)


def _values(one: Delivery | Endpoint) -> tuple[Any, ...]:
    names = health.HEALTH if isinstance(one, Endpoint) else PROGRESS
    return tuple(getattr(one, name) for name in names)


class DeliveryHandler:
    """Sends deliveries to their endpoints."""

    kinds = frozenset({DELIVER})

    def __init__(self, sender: Sender | None = None) -> None:
        self._sender = sender or Sender()

    def load(self, subjects: Sequence[UUID]) -> Round:
        """Lock the endpoints of these deliveries, then the deliveries."""
        found = Delivery.objects.filter(id__in=subjects)
        endpoints = Endpoint.objects.filter(id__in=found.values("endpoint_id")).order_by("id")
        locked = {one.id: one for one in endpoints.select_for_update(no_key=True)}
        mine = found.select_related("body").order_by("id")
        return Round(
            transaction_time(),
            {one.id: one for one in mine.select_for_update(no_key=True, of=("self",))},
            locked,
        )

    def describe(self, case: Round, subject_id: UUID) -> dict[str, str]:
        """Return the ids that log lines about this delivery carry."""
        ids = {"delivery_id": str(subject_id)}
        delivery = case.deliveries.get(subject_id)
        if delivery is not None:
            ids |= {
                "endpoint_id": str(delivery.endpoint_id),
                "merchant_id": str(delivery.body.merchant_id),
                "event_id": str(delivery.body_id),
            }
        return ids

    def prepare(self, case: Round, messages: Sequence[Started]) -> Mapping[UUID, Plan]:
        """Write down what we are about to send, and return it."""
        secrets = keeping.valid(case.endpoints)
        plans: dict[UUID, Plan] = {}
        attempts: list[DeliveryAttempt] = []
        for message in messages:
            plan = _without_call(case, message)
            if plan is None:
                delivery = case.deliveries[message.subject_id]
                attempts.append(_intended(case, delivery, message))
                plan = Call(_post(case, delivery, attempts[-1], secrets[delivery.endpoint_id]))
            plans[message.id] = plan
        DeliveryAttempt.objects.bulk_create(attempts)
        case.write()
        return plans

    def call(self, request: Post, lease: float) -> Heard:
        """Send it."""
        margin = settings.SETTLE_MARGIN.total_seconds()
        return self._sender.send(request, min(TOTAL_SECONDS, lease - margin - monotonic()))

    def settle(
        self, case: Round, answers: Sequence[tuple[Started, Any]]
    ) -> Mapping[UUID, Completion]:
        """Write down what was heard, and what follows from it."""
        self.record(case, answers)
        began = beginnings([heard.attempt_id for _, heard in answers])
        ends = {
            message.id: _settled(case, case.deliveries[message.subject_id], heard, began)
            for message, heard in answers
        }
        case.write()
        return ends

    def record(self, case: Round, answers: Sequence[tuple[Started, Any]]) -> None:
        """Store what was heard on its attempt."""
        values = [
            (heard.attempt_id, heard.result.value, heard.status_code,
             round(heard.seconds * 1000), heard.detail, heard.excerpt)
            for _, heard in answers
        ]  # fmt: skip
        rows_of_values(ANSWER, ANSWER_TYPES, values)
        for _, heard in answers:
            WEBHOOKS.labels(heard.result.value).inc()
            WEBHOOK_SECONDS.observe(heard.seconds)

    def refold(self, case: Round, messages: Sequence[Started]) -> None:
        """Take note of a success that somebody else will not hear of."""
        taken = DeliveryAttempt.objects.filter(
            delivery__in=case.deliveries,
            result=Result.SUCCEEDED,
            # A success before it was sent again is none of this time.
            message_id__in=[message.id for message in messages],
        ).values_list("delivery_id", flat=True)
        for delivery in (case.deliveries[delivery_id] for delivery_id in taken):
            if delivery.status == DeliveryStatus.PENDING and delivery.tries:
                _finish(delivery, DeliveryStatus.SUCCEEDED, case.now)
        case.write()

    def bury(self, case: Round, messages: Sequence[Started], reason: str) -> None:
        """Give up the deliveries of dead messages; they can be sent again."""
        for message in messages:
            delivery = case.deliveries.get(message.subject_id)
            if delivery is not None and delivery.status == DeliveryStatus.PENDING:
                _finish(delivery, DeliveryStatus.FAILED, case.now, GIVEN_UP)
        case.write()


def _without_call(case: Round, message: Started) -> Plan | None:
    delivery = case.deliveries.get(message.subject_id)
    if delivery is None:
        log.error("message.without_subject", message_id=str(message.id))
        return Done("without_subject")
    if delivery.reason == GIVEN_UP:
        # Its message was dead, and somebody had it replayed.
        delivery.status, delivery.reason, delivery.finished_at = DeliveryStatus.PENDING, "", None
        delivery.tries = 0
    if delivery.status != DeliveryStatus.PENDING:
        return Done("settled_before")
    endpoint = case.endpoint_of(delivery)
    if not endpoint.is_open:
        _finish(delivery, DeliveryStatus.CANCELED, case.now, DISABLED)
        return Done("canceled")
    if message.lane != fanout.lane(endpoint):
        # What waited while others were let down would hold a slot as they did.
        return Again(timedelta(0), "moved", spends=False, lane=fanout.lane(endpoint))
    return _too_early(case, delivery, endpoint)


def _too_early(case: Round, delivery: Delivery, endpoint: Endpoint) -> Again | None:
    if not delivery.tries and delivery.hidden_until and case.now < delivery.hidden_until:
        # Sent again by its merchant, who must not see by that when the last try was over.
        delivery.next_attempt_at = delivery.hidden_until
        return Again(delivery.hidden_until - case.now, "not_yet", spends=False)
    if endpoint.probe_at and case.now < endpoint.probe_at and not delivery.is_asked:
        wait = health.held_back_for(endpoint, endpoint.probe_at, case.now)
        delivery.next_attempt_at = case.now + wait
        return Again(wait, "held_back", spends=False)
    return None


def _intended(case: Round, delivery: Delivery, message: Started) -> DeliveryAttempt:
    endpoint = case.endpoint_of(delivery)
    health.tried(endpoint, case.now)
    delivery.tries += 1
    delivery.is_asked = False
    delivery.next_attempt_at = delivery.hidden_until = None
    return DeliveryAttempt(
        id=uuid7(), delivery=delivery, message_id=message.id, epoch=message.epoch
    )


def _post(
    case: Round, delivery: Delivery, attempt: DeliveryAttempt, secrets: Sequence[bytes]
) -> Post:
    endpoint = case.endpoint_of(delivery)
    return Post(
        attempt_id=attempt.id,
        url=endpoint.url,
        version=endpoint.version,
        mode=endpoint.mode,
        message_id=public_id(delivery.body_id),
        body=delivery.body.content.encode(),
        secrets=secrets,
        zero_at=case.now.timestamp() - case.seen_at,
    )


@needs_transaction
def _settled(
    case: Round, delivery: Delivery, heard: Heard, began: Mapping[UUID, datetime]
) -> Completion:
    endpoint = case.endpoint_of(delivery)
    # What was asked of another address, or before it was enabled, says nothing of it as it is now.
    is_of_now = (heard.url, heard.version) == (endpoint.url, endpoint.version)
    if is_of_now:
        health.timed(endpoint, heard.seconds, case.now)
    if heard.result is not Result.SUCCEEDED:
        return _failed(case, delivery, heard, began[heard.attempt_id], is_of_now=is_of_now)
    if is_of_now:
        health.forget_failures(endpoint)
    if delivery.status == DeliveryStatus.PENDING and not delivery.tries:
        return _sent_again(case, delivery)
    _finish(delivery, DeliveryStatus.SUCCEEDED, case.now)
    return Done("succeeded")


def _failed(
    case: Round, delivery: Delivery, heard: Heard, at: datetime, *, is_of_now: bool
) -> Completion:
    endpoint = case.endpoint_of(delivery)
    if heard.status_code is None:
        delivery.hidden_until = at + timedelta(seconds=TOTAL_SECONDS)
    if is_of_now:
        health.failed(endpoint, at, case.now, heard.detail, heard.retry_after_seconds)
    if delivery.status != DeliveryStatus.PENDING:
        return Done("settled_before")  # another worker's answer, or an act, ended it meanwhile
    if heard.status_code == GONE and is_of_now:
        if endpoint.is_open:
            health.disable(endpoint, DisabledBy.GONE, case.now, "it answered 410")
        _finish(delivery, DeliveryStatus.FAILED, case.now, GONE_REASON)
        return Done("failed")
    if not delivery.tries:
        return _sent_again(case, delivery)
    wait = schedule.wait_after(delivery.tries, heard)
    if wait is None:
        health.exhausted(endpoint, delivery, case.now, heard.detail)
        _finish(delivery, DeliveryStatus.FAILED, case.now, EXHAUSTED)
        return Done("failed")
    delivery.next_attempt_at = case.now + wait
    return Again(
        wait, heard.result.value, spends=False, lane=fanout.lane(endpoint), error=heard.detail
    )


def _sent_again(case: Round, delivery: Delivery) -> Again:
    """Begin the new schedule of one that was asked for while its last try was under way."""
    delivery.next_attempt_at = max(case.now, delivery.hidden_until or case.now)
    lane = fanout.lane(case.endpoint_of(delivery))
    return Again(timedelta(0), "sent_again", spends=False, lane=lane)


def _finish(delivery: Delivery, status: DeliveryStatus, now: datetime, reason: str = "") -> None:
    delivery.status, delivery.reason, delivery.finished_at = status, reason, now
    delivery.next_attempt_at, delivery.is_asked = None, False
