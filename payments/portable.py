"""What the statements about payments mean, in the ORM's words (``core.meanings``)."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, Min, QuerySet, Value, When

from core.db import transaction
from core.meanings import Rows, means
from core.models import IdempotencyRecord
from core.portable import time, valid_keys
from ledger import portable as books
from ledger.legs import Posting
from outbox.models import Message
from outbox.staging import MAX_ATTEMPTS
from payments import portable_events  # noqa: F401 - what is said there counts, too
from payments.changes import _WRITE_OPERATIONS, _WRITE_PAYMENTS, _WRITE_REFUNDS
from payments.expanding import _LATEST_ATTEMPTS, _NEWEST_REFUNDS
from payments.handlers import _ANSWER
from payments.listing import _CHOOSE, conditions
from payments.models import Attempt, Event, Operation, OperationKind, Payment, Refund
from payments.rechecking import _TAKE_DUE
from payments.representation import timestamp
from payments.sampling import UNKNOWN_PAYMENTS, UNKNOWN_REFUNDS
from payments.states import OperationState

_PAYMENT = (
    *("status", "amount_captured", "amount_refund_held", "amount_overdrawn", "amount_refunded"),
    *("failure_code", "failure_message", "outcome_unknown_since", "needs_review"),
    *("review_reason", "review_operation", "next_action_url", "version"),
)
_REFUND = ("status", "failure_code", "failure_message", "outcome_unknown_since", "version")
_ATTEMPT = (
    *("outcome", "provider_id", "amount", "currency", "account", "action_url"),
    *("code", "detail"),
)
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
    body = f"""{given["head"]}{stamp}","updated_at":"{stamp}"}}"""
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
        kind=OperationKind.CHARGE,
        lane=given["message_lane"],
        subject_id=given["operation_id"],
        max_attempts=MAX_ATTEMPTS,
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
    """Write how operations ended, and when, if that is news."""
    now, written = time(), []
    for row_id, state, provider_id, recheck_at in values:
        found = Operation.objects.filter(id=row_id)
        settled_at = Case(When(state=state, then=F("settled_at")), default=Value(now))
        if found.update(
            state=state,
            provider_id=provider_id,
            recheck_at=recheck_at,
            claims=None,
            settled_at=settled_at,
        ):
            written.append((row_id,))
    return written


@means(_ANSWER)
def answer(values: Sequence[tuple[Any, ...]]) -> Rows:
    """Write what was heard on attempts without an answer."""
    now, silent = time(), Attempt.objects.filter(answered_at=None)
    return [
        (row_id,)
        for row_id, *columns in values
        if silent.filter(id=row_id).update(
            **dict(zip(_ATTEMPT, columns, strict=True)), answered_at=now
        )
    ]


@means(_TAKE_DUE)
def take_due(*, every: timedelta, window: timedelta, limit: int) -> Rows:
    """Take the operations that are to be looked up now, and say when they are next."""
    now = time()
    due = Operation.objects.filter(recheck_at__lte=now).order_by("recheck_at")[:limit]
    taken = []
    for operation in due:
        is_last = operation.settled_at is None or (
            operation.state != OperationState.SUCCEEDED
            and now + every >= operation.settled_at + window
        )
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


@means(_CHOOSE)
def choose(*, first: UUID, below: UUID, examined: int, limit: int, **asked: Any) -> Rows:
    """Find the payments that are asked for among the newest of a range, and where that ended."""
    whose = {"merchant_id": asked["merchant_id"], "mode": asked["mode"]}
    met = Payment.objects.filter(**whose, id__gte=first, id__lt=below)
    ids = list(met.order_by("-id").values_list("id", flat=True)[:examined])
    wanted = set()
    if ids:
        span = met.filter(id__gte=ids[-1], **conditions(asked))
        wanted = set(span.values_list("id", flat=True))
    found = [(one, n, one in wanted) for n, one in enumerate(ids, 1)]
    return [row for row in found if row[2] or row[1] == examined][:limit]


@means(_NEWEST_REFUNDS)
def newest_refunds(payments: Sequence[str], limit: int) -> Rows:
    """Find the newest refunds of each payment."""
    found = [Refund.objects.filter(payment_id=one).order_by("-id")[:limit] for one in payments]
    return [(refund.id,) for refunds in found for refund in refunds]


@means(_LATEST_ATTEMPTS)
def latest_attempts(payments: Sequence[str], limit: int) -> Rows:
    """Find the last attempt among the newest operations of each payment."""
    found = []
    for one in payments:
        newest = Operation.objects.filter(payment_id=one).order_by("-id")[:limit]
        ids = [operation.id for operation in newest]
        last = Attempt.objects.filter(operation_id__in=ids).order_by("-id").first()
        found += [(last.id,)] if last else []
    return found
