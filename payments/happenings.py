"""Where a payment's timeline comes from: rows of this room, the outbox, the books and the desk."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from core.db import rows, rows_of_values
from core.ids import smallest_uuid7
from ledger.models import Transfer
from outbox import listing
from outbox.models import Message, State
from payments import bookkeeping
from payments.events import public_id
from payments.facts import Said
from payments.models import Attempt, DisputeFact, Event, Notice, Payment, Refund, StatusChange
from payments.representation import timestamp
from payments.timeline import ROWS_MAX, SOURCES, Entry, Subject, Timeline, in_causal_order, masked

_ASKED_FOR = ROWS_MAX + 1

# An answer is written by the request that made the thing, right after it: no index is needed to
# find it, for the ids of both begin with the time. Longer than any request may run.
_ANSWERED_WITHIN = timedelta(seconds=10)
ANSWERS = """
    SELECT made.id, answer.id, answer.key, answer.status
    FROM (VALUES %s) AS made (id, resource_id, upto)
    CROSS JOIN LATERAL (
        SELECT k.id, k.key, k.status FROM core_idempotencyrecord k
        WHERE k.id > made.id AND k.id < made.upto AND k.resource_id = made.resource_id
        ORDER BY k.id LIMIT 1) AS answer
"""
# The audit log is the operators'; this view of it says that a person acted, not who or why.
ACTS = """
    SELECT id, at, action, xid::text FROM payments_operatoract
    WHERE subject_id = ANY(%s) ORDER BY id LIMIT %s
"""


def timeline(payment: Payment) -> Timeline:
    """Return all that is known of a payment, in causal order."""
    operations = payment.operations.order_by("id")[:_ASKED_FOR]
    disputes = payment.disputes.order_by("id")[:_ASKED_FOR]
    subject = Subject(payment, list(operations), list(disputes))
    found = Timeline()
    for source in (*_OWN, *SOURCES, _acts):
        found.add(source(subject, found))
    return Timeline(in_causal_order(found.entries), found.is_cut)


def _made(subject: Subject, _: Timeline) -> Iterator[Entry]:
    refunds = Refund.objects.filter(payment=subject.payment).select_related("operation")
    asked: list[Payment | Refund] = [
        subject.payment,
        *(one for one in refunds.order_by("id")[:_ASKED_FOR] if not one.operation.unasked_id),
    ]
    made = [(one.id, one.id) for one in asked]
    made += [(one.id, subject.payment.id) for one in subject.held_operations]
    answers = {made_id: columns for made_id, *columns in _answers(made)}
    for one in asked:
        record_id, key, status = answers.get(one.id, (one.id, None, None))
        yield Entry(
            kind="request",
            id=record_id,
            at=one.created_at,
            object=subject.known(one.id),
            facts={"idempotency_key": key, "answered": status},
            xid=_number(one.xid),
        )
    for operation in subject.held_operations:
        record_id, key, status = answers.get(operation.id, (operation.id, None, None))
        yield Entry(
            kind="request",
            id=record_id,
            at=operation.created_at,
            object=subject.object(operation.id),
            facts={"idempotency_key": key, "answered": status, "operation": str(operation.kind)},
        )


def _answers(made: Sequence[tuple[UUID, UUID]]) -> list[tuple[Any, ...]]:
    """Return the answers to the requests that made these, by what each was about."""
    values = [(one, about, later(one, _ANSWERED_WITHIN)) for one, about in made]
    return rows_of_values(ANSWERS, "(%s::uuid, %s::uuid, %s::uuid)", values)


def later(made: UUID, by: timedelta) -> UUID:
    """Return the smallest id that is made so much later than this one."""
    # The first 48 bits of a UUIDv7 are milliseconds.
    return smallest_uuid7((made.int >> 80) / 1000 + by.total_seconds())


def _attempts(subject: Subject, _: Timeline) -> Iterator[Entry]:
    gateways = {one.id: (str(one.kind), one.gateway) for one in subject.operations}
    found = Attempt.objects.filter(operation__in=subject.operation_ids).order_by("id")
    for one in found[:_ASKED_FOR]:
        carried_out, gateway = gateways[one.operation_id]
        about = {"operation": carried_out, "gateway": gateway}
        yield Entry(
            kind="attempt",
            id=one.id,
            at=one.intended_at,
            object=subject.object(one.operation_id),
            facts={**about, "does": str(one.kind)},
            cause=one.message_id,
        )
        if one.answered_at:
            yield Entry(
                kind="answer",
                id=one.id,
                at=one.answered_at,
                object=subject.object(one.operation_id),
                facts={**about, **_said(one)},
                cause=one.id,
            )


def _said(one: Attempt | Notice) -> dict[str, Any]:
    return {
        "outcome": one.outcome,
        "code": one.code or None,
        "provider_id": masked(one.provider_id),
        "amount": one.amount,
        "currency": one.currency or None,
    }


def _notices(subject: Subject, _: Timeline) -> Iterator[Entry]:
    found = Notice.objects.filter(operation__in=subject.operation_ids).order_by("id")
    for one in found[:_ASKED_FOR]:
        yield Entry(
            kind="notice",
            id=one.id,
            at=one.recorded_at,
            object=subject.object(one.operation_id),
            facts=_said(one),
            cause=one.attempt_id,
        )


def _dispute_facts(subject: Subject, _: Timeline) -> Iterator[Entry]:
    disputes = {one.id: one for one in subject.disputes}
    found = DisputeFact.objects.filter(dispute__in=subject.dispute_ids).order_by("id")
    for one in found[:_ASKED_FOR]:
        yield Entry(
            kind="notice",
            id=one.id,
            at=one.recorded_at,
            object=("dispute", one.dispute_id),
            facts={
                "outcome": one.said,
                "code": one.reason or None,
                "provider_id": masked(disputes[one.dispute_id].provider_id),
                "amount": one.amount,
                "currency": one.currency,
            },
            xid=_number(one.xid),
        )


def _steps(subject: Subject, _: Timeline) -> Iterator[Entry]:
    found = StatusChange.objects.filter(payment=subject.payment).order_by("id")
    for one in found[:_ASKED_FOR]:
        yield Entry(
            kind="state_change",
            id=one.id,
            at=one.at,
            object=subject.known(one.dispute_id or one.refund_id or one.payment_id),
            facts={"before": one.before, "after": one.after, "cause": one.cause},
            xid=_number(one.xid),
            cause=one.cause_id,
        )


def _events(subject: Subject, _: Timeline) -> Iterator[Entry]:
    found = Event.objects.filter(aggregate_id__in=subject.sources).select_related("place")
    for one in found.order_by("id")[:_ASKED_FOR]:
        place = getattr(one, "place", None)
        yield Entry(
            kind="event",
            id=one.id,
            name=public_id(one.id),
            at=one.created_at,
            object=(one.aggregate_type, one.aggregate_id),
            facts={
                "type": one.type,
                "version": one.version,
                "number": place.number if place else None,
            },
            xid=_number(one.xid),
        )


def _lines(subject: Subject, before: Timeline) -> Iterator[Entry]:
    found = (
        Transfer.objects.filter(
            transaction__kind__in=bookkeeping.KINDS,
            transaction__source_id__in=[*subject.sources, *_surplus(subject)],
        )
        .select_related("transaction", "debit_account", "credit_account")
        .order_by("transaction__recorded_at", "id")
    )
    for one in found[:_ASKED_FOR]:
        yield Entry(
            kind="ledger_line",
            id=one.id,
            at=one.transaction.recorded_at,
            object=subject.known(one.transaction.source_id),
            facts={
                "fact": one.transaction.kind,
                "layer": one.layer,
                "takes_back": one.reversal,
                "debit": one.debit_account.code,
                "credit": one.credit_account.code,
                "amount": one.amount,
                "currency": one.currency,
            },
            xid=_number(one.xid),
        )


def _surplus(subject: Subject) -> list[UUID]:
    """Return the ids under which more would be booked than was asked."""
    told = set[tuple[UUID, str]]()
    for facts in (Attempt.objects, Notice.objects):
        said = facts.filter(operation__in=subject.operation_ids, outcome=Said.SUCCEEDED.value)
        told.update(said.values_list("operation_id", "provider_id").distinct()[:_ASKED_FOR])
    return [bookkeeping.surplus_id(*one) for one in sorted(told)]


def _messages(subject: Subject, before: Timeline) -> Iterator[Entry]:
    causes = {entry.cause for entry in before.entries if entry.cause}
    for one in messages_of(subject.operation_ids, causes)[:_ASKED_FOR]:
        yield of_message(one, subject.object(one.subject_id))


def of_message(one: Message, about: tuple[str, UUID], cause: UUID | None = None) -> Entry:
    """Return the entry of a message that does something about this."""
    return Entry(
        kind="message",
        id=one.id,
        at=one.created_at,
        object=about,
        facts={
            "does": one.kind,
            "state": State(one.state).name.lower(),
            "due_at": timestamp(one.available_at),
            "starts": one.starts,
            "failures": one.failures,
            "finished_at": timestamp(one.finished_at),
            "request_id": one.trace or None,
        },
        xid=_number(one.xid),
        cause=cause,
    )


def messages_of(operations: Sequence[UUID], made: Iterable[UUID]) -> list[Message]:
    """Return the messages about operations that are kept, the oldest first.

    A done one is not found by its subject; it is if it is among those that ``made`` something.
    """
    found = {message.id: message for message in listing.about(operations)}
    left = set(made) - set(found)
    # A cause may be something else, or be about another operation.
    about = Message.objects.filter(id__in=left, subject_id__in=operations)
    found |= {message.id: message for message in about}
    return sorted(found.values(), key=lambda message: message.id)


def _acts(subject: Subject, before: Timeline) -> Iterator[Entry]:
    seen = before.ids("message", "provider_event")
    subjects = [str(one) for one in (subject.payment.id, *subject.operation_ids, *seen)]
    for act_id, at, action, xid in rows(ACTS, [subjects, _ASKED_FOR]):
        yield Entry(
            kind="operator_act",
            id=act_id,
            at=at,
            object=("payment", subject.payment.id),
            facts={"action": action},
            xid=_number(xid),
        )


_OWN = (_made, _attempts, _notices, _dispute_facts, _steps, _events, _lines, _messages)


def _number(xid: Any) -> int | None:
    return None if xid is None else int(xid)
