"""What the statements about payments mean, in the ORM's words (``core.meanings``)."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Count, Max, Min, QuerySet

from core.audit import AuditEntry
from core.db import transaction
from core.meanings import Rows, means
from core.models import IdempotencyRecord
from core.portable import time, valid_keys
from ledger import portable as books
from ledger.legs import Posting
from outbox.models import Message
from payments.changes import _WRITE_OPERATIONS, _WRITE_PAYMENTS, _WRITE_REFUNDS
from payments.handlers import _ANSWER
from payments.happenings import ACTS, ANSWERS
from payments.models import (
    Attempt,
    Event,
    EventNumber,
    Operation,
    OperationKind,
    Payment,
    Refund,
)
from payments.numbering import ALONE, BEGIN_ANEW_ELSEWHERE, NUMBER
from payments.rechecking import _TAKE_DUE
from payments.representation import timestamp
from payments.sampling import UNKNOWN_PAYMENTS, UNKNOWN_REFUNDS, UNNUMBERED

_PAYMENT = (
    *("status", "amount_captured", "amount_refund_held", "amount_overdrawn", "amount_refunded"),
    *("failure_code", "failure_message", "outcome_unknown_since", "needs_review"),
    *("review_reason", "review_operation", "version"),
)
_REFUND = ("status", "failure_code", "failure_message", "outcome_unknown_since", "version")
_OPERATION = ("state", "provider_id", "recheck_at")
_ATTEMPT = ("outcome", "provider_id", "amount", "currency", "account", "code", "detail")
_KNOWN = ("fingerprint", "status", "location", "body")


def create(payment: Payment, posting: Posting, given: dict[str, Any]) -> dict[str, Any]:
    """Do what ``payments.creation`` does in one statement; a duplicate waits, and finds it done."""
    with transaction():
        as_remembered = _as_remembered(given)
        known = _records(payment, given["key"]).values(*_KNOWN).first()
        is_new = bool(as_remembered) and known is None
        created = _create(payment, posting, given) if is_new else None
    return {
        **(known or dict.fromkeys(_KNOWN)),
        "as_remembered": as_remembered,
        "won": is_new or None,
        "created": created,
    }


def _as_remembered(given: dict[str, Any]) -> bool | None:
    key = valid_keys().filter(id=given["api_key_id"]).select_related("merchant").first()
    if key is None:
        return None
    is_same = set(key.scopes) == set(json.loads(given["scopes"]))
    return is_same and key.merchant.default_gateway == given["default_gateway"]


def _records(payment: Payment, key: str) -> QuerySet[IdempotencyRecord]:
    return IdempotencyRecord.objects.filter(
        merchant_id=payment.merchant_id, mode=payment.mode, key=key
    )


def _create(payment: Payment, posting: Posting, given: dict[str, Any]) -> str:
    payment.created_at = payment.updated_at = time()
    stamp = timestamp(payment.created_at)
    body = f"{given['head']}{stamp}{given['middle']}{stamp}{given['tail']}"
    payment.save(force_insert=True)
    Operation.objects.create(
        id=given["operation_id"],
        payment=payment,
        kind=OperationKind.CHARGE,
        gateway=payment.gateway,
        amount=payment.amount,
        currency=payment.currency,
    )
    Event.objects.create(
        id=given["event_id"],
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        aggregate_type="payment",
        aggregate_id=payment.id,
        type="payment.created",
        version=payment.version,
        payload=json.loads(body),
    )
    _answer(payment, given, body)
    _stage(given)
    books.book(posting)
    return body


def _answer(payment: Payment, given: dict[str, Any], body: str) -> None:
    IdempotencyRecord.objects.create(
        id=given["record_id"],
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        key=given["key"],
        fingerprint=given["fingerprint"],
        resource_id=payment.id,
        status=201,
        location=given["location"],
        body=body,
    )


def _stage(given: dict[str, Any]) -> None:
    Message.objects.create(
        id=given["message_id"],
        kind=given["message_kind"],
        lane=given["message_lane"],
        subject_id=given["message_subject"],
        max_attempts=given["message_max_attempts"],
        trace=given["message_trace"],
    )


@means(_WRITE_PAYMENTS)
def write_payments(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Compare and set payments by their versions."""
    return _compare_and_set(Payment.objects.all(), _PAYMENT, values)


@means(_WRITE_REFUNDS)
def write_refunds(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Compare and set refunds by their versions."""
    return _compare_and_set(Refund.objects.all(), _REFUND, values)


def _compare_and_set(
    table: QuerySet[Any], names: Sequence[str], values: Sequence[tuple[Any, ...]]
) -> Rows:
    now, written = time(), []
    for row_id, version, *columns in values:
        found = table.filter(id=row_id, version=version)
        if found.update(**dict(zip(names, columns, strict=True)), updated_at=now):
            written.append((row_id,))
    return written


@means(_WRITE_OPERATIONS)
def write_operations(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Write how operations ended."""
    return _set(Operation.objects.all(), _OPERATION, values, "settled_at")


@means(_ANSWER)
def answer(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Write what was heard on attempts without an answer."""
    return _set(Attempt.objects.filter(answered_at=None), _ATTEMPT, values, "answered_at")


def _set(
    rows: QuerySet[Any], names: Sequence[str], values: Sequence[tuple[Any, ...]], when: str
) -> Rows:
    now = time()
    return [
        (row_id,)
        for row_id, *columns in values
        if rows.filter(id=row_id).update(**dict(zip(names, columns, strict=True)), **{when: now})
    ]


@means(_TAKE_DUE)
def take_due(*, every: timedelta, window: timedelta, limit: int) -> Rows:
    """Take the operations that are to be looked up now, and say when they are next."""
    now = time()
    due = Operation.objects.filter(recheck_at__lte=now).order_by("recheck_at")[:limit]
    taken = []
    for operation in due:
        is_last = operation.settled_at is None or now + every >= operation.settled_at + window
        next_at = None if is_last else now + every
        Operation.objects.filter(id=operation.id).update(recheck_at=next_at)
        taken.append((operation.id, operation.gateway))
    return taken


def _unknown(table: QuerySet[Any]) -> Rows:
    known = table.filter(outcome_unknown_since__isnull=False)
    found = known.aggregate(count=Count("id"), since=Min("outcome_unknown_since"))
    since = found["since"]
    return [(found["count"], (time() - since).total_seconds() if since else 0.0)]


@means(UNKNOWN_PAYMENTS)
def unknown_payments() -> Rows:
    """Return how many payments have an unknown outcome, and since when."""
    return _unknown(Payment.objects.all())


@means(UNKNOWN_REFUNDS)
def unknown_refunds() -> Rows:
    """Return how many refunds have an unknown outcome, and since when."""
    return _unknown(Refund.objects.all())


@means(ALONE)
def number_alone(patience: str, number: int) -> Rows:
    """Return that nobody else numbers: there is one dispatcher, and it waited as it began."""
    return [(patience, True)]


@means(BEGIN_ANEW_ELSEWHERE)
def begin_numbers_anew() -> Rows:
    """Do nothing: without transaction ids there is no mark."""
    return []


@means(NUMBER)
def number_events(*, most: int) -> Rows:
    """Number events by their ids: who writes here has waited for everybody before."""
    fresh = list(Event.objects.filter(place=None).order_by("id")[:most])
    found: Rows = []
    for event in fresh:
        feed = EventNumber.objects.filter(merchant_id=event.merchant_id, mode=event.mode)
        number = (feed.aggregate(last=Max("number"))["last"] or 0) + 1
        EventNumber.objects.create(
            event=event, merchant_id=event.merchant_id, mode=event.mode, number=number
        )
        found.append(
            (
                len(fresh), event.id, event.merchant_id, event.mode, number, event.type,
                event.aggregate_type, event.aggregate_id, event.version,
                json.dumps(event.payload, ensure_ascii=False), event.created_at,
            )
        )  # fmt: skip
    return found or [(0, *[None] * 10)]


@means(UNNUMBERED)
def unnumbered() -> Rows:
    """Return how long the oldest event has waited for its number, if one does."""
    oldest = Event.objects.filter(place=None).order_by("id").first()
    return [((time() - oldest.created_at).total_seconds(),)] if oldest else []


@means(ACTS)
def acts(subjects: Sequence[str], limit: int) -> Rows:
    """Return what operators did to these."""
    shown = AuditEntry.objects.filter(subject_type__in=["payment", "message", "provider_event"])
    found = shown.filter(subject_id__in=subjects).order_by("id")[:limit]
    return [(one.id, one.at, one.action, one.xid) for one in found]


@means(ANSWERS)
def answers(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Return the answers that were given for these things."""
    found = IdempotencyRecord.objects.filter(resource_id__in=[made for made, _ in values])
    return list(found.values_list("resource_id", "id", "key", "status"))
