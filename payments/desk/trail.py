"""Tables that several pages show: attempts, messages, steps, books."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from core.addresses import host_of
from core.desk import words
from core.desk.pages import ROWS_MAX, Section, section
from ledger.models import Transfer
from outbox.models import Message, State
from payments import bookkeeping
from payments.facts import Said
from payments.models import Attempt, Notice, Operation, StatusChange

STATE_TONES = {
    State.PENDING: "calm",
    State.IN_FLIGHT: "busy",
    State.HELD: "warn",
    State.DONE: "good",
    State.DEAD: "bad",
}
_OUTCOME_TONES = {
    "succeeded": "good",
    "declined": "bad",
    "unknown": "warn",
    "unanswered": "warn",
}
STATUS_TONES = {
    "SUCCESS": "good",
    "SUCCEEDED": "good",
    "succeeded": "good",
    "FAILED": "bad",
    "failed": "bad",
    "PROCESSING": "busy",
    "REQUIRES_ACTION": "busy",
    "AUTHORIZED": "busy",
    "CANCELED": "calm",
    "EXPIRED": "calm",
    "closed": "calm",
    "open": "busy",
    "REFUNDED": "calm",
    "OPEN": "warn",
    "WON": "good",
    "LOST": "bad",
}
_CAUSES = {
    "attempt": "payments_attempt",
    "notice": "payments_notice",
    "dispute_fact": "payments_disputefact",
    "message": "outbox_message",
}


def state(message: Message) -> Any:
    """Return the message's state on its colour."""
    known = State(message.state)
    return words.mark(str(known.label).lower(), STATE_TONES[known])


def tries(message: Message) -> str:
    """Return how often the message was started, and how much of its budget is used up."""
    lost = f", lost {message.lost}" if message.lost else ""
    return f"{message.starts} started, {message.failures}/{message.max_attempts} failed{lost}"


def messages(found: Iterable[Message], now: datetime, title: str = "Messages") -> Section:
    """Return messages as a table."""
    return section(
        title,
        ("Message", "Kind", "State", "Due", "Attempts", "Last error", "Age"),
        [
            (
                words.to(one),
                one.kind,
                state(one),
                words.moment(one.available_at),
                tries(one),
                words.said(one.last_error),
                words.age(one.created_at, now),
            )
            for one in found
        ],
        "None waits, runs, is held or is dead; of what is done, none is known.",
    )


def outcome(attempt: Attempt) -> Any:
    """Return what the provider said to an attempt, on its colour."""
    return words.tinted(attempt.outcome or "unanswered", _OUTCOME_TONES)


def attempts(operations: Iterable[UUID], only_of: UUID | None = None) -> Section:
    """Return the calls for these operations, or those that one message made of them."""
    found = Attempt.objects.filter(operation__in=list(operations)).order_by("id")
    if only_of:
        found = found.filter(message_id=only_of)
    return section(
        "Attempts",
        ("Attempt", "Of", "Asked", "Answered", "Outcome", "Provider id", "Money", "Said"),
        [
            (
                words.to(one, one.kind),
                words.link("payments_operation", one.operation_id, words.tail(one.operation_id)),
                words.moment(one.intended_at),
                words.moment(one.answered_at),
                outcome(one),
                words.foreign_id(one.provider_id),
                words.amount(one.amount, one.currency),
                words.said(f"{one.code} {one.detail} {host_of(one.action_url)}".strip()),
            )
            for one in found[: ROWS_MAX + 1]
        ],
        "No provider was called.",
    )


def notices(**which: Any) -> Section:
    """Return what providers said unasked of operations."""
    found = Notice.objects.filter(**which).order_by("id")
    return section(
        "Notices of providers",
        ("Notice", "Of", "Told by", "Outcome", "Provider id", "Money", "Said", "Recorded"),
        [
            (
                words.to(one, "notice"),
                words.link("payments_operation", one.operation_id, words.tail(one.operation_id)),
                words.link("payments_attempt", one.attempt_id, "look-up")
                if one.attempt_id
                else words.link("webhooks_providerevent", one.id, "event"),
                words.tinted(one.outcome, _OUTCOME_TONES),
                words.foreign_id(one.provider_id),
                words.amount(one.amount, one.currency),
                words.said(
                    f"{one.account} {one.code} {one.detail} {host_of(one.action_url)}".strip()
                ),
                words.moment(one.recorded_at),
            )
            for one in found[: ROWS_MAX + 1]
        ],
        "No provider has said anything unasked of an operation.",
    )


def operations(found: Iterable[Operation]) -> Section:
    """Return operations as a table."""
    return section(
        "Operations",
        ("Operation", "Kind", "State", "Gateway", "Amount", "Provider id", "First sent", "Settled"),
        [
            (
                words.to(one),
                one.kind,
                words.tinted(one.state, STATUS_TONES),
                one.gateway,
                words.amount(one.amount, one.currency),
                words.foreign_id(one.provider_id),
                words.moment(one.first_sent_at),
                words.moment(one.settled_at),
            )
            for one in found
        ],
        "There is no operation.",
    )


def history(**of: Any) -> Section:
    """Return steps of statuses."""
    found = StatusChange.objects.filter(**of).order_by("id")
    return section(
        "History",
        ("When", "Of", "From", "To", "Cause"),
        [
            (
                words.moment(one.at),
                _whose(one),
                one.before,
                words.tinted(one.after, STATUS_TONES),
                cause(one.cause, one.cause_id, one.cause),
            )
            for one in found[: ROWS_MAX + 1]
        ],
        "No status has changed.",
    )


def _whose(step: StatusChange) -> Any:
    if step.dispute_id:
        return words.link("payments_dispute", step.dispute_id, "dispute")
    if step.refund_id:
        return words.link("payments_refund", step.refund_id, "refund")
    return "payment"


def cause(name: str, key: UUID, text: Any) -> Any:
    """Return a link to what made a change happen."""
    return words.link(_CAUSES.get(name, ""), key, text)


def surplus(operation_ids: Iterable[UUID]) -> list[UUID]:
    """Return the ids under which more would be booked than was asked of these operations."""
    wanted = list(operation_ids)
    told = set[tuple[UUID, str]]()
    for facts in (Attempt.objects, Notice.objects):
        said = facts.filter(operation__in=wanted, outcome=Said.SUCCEEDED.value)
        pairs = said.values_list("operation_id", "provider_id").distinct()
        told.update(pairs[: ROWS_MAX + 1])
    return [bookkeeping.surplus_id(*one) for one in sorted(told)]


def books(sources: Iterable[UUID]) -> Section:
    """Return the ledger lines of these payments, refunds, disputes and surpluses, as written."""
    found = (
        Transfer.objects.filter(
            transaction__kind__in=bookkeeping.KINDS, transaction__source_id__in=list(sources)
        )
        .select_related("transaction", "debit_account", "credit_account")
        .order_by("transaction__recorded_at", "id")
    )
    return section(
        "Ledger lines",
        ("When", "Fact", "Layer", "Debit", "Credit", "Amount", "Line"),
        [
            (
                words.moment(one.transaction.recorded_at),
                words.to(one.transaction, one.transaction.kind),
                f"{one.layer}, taken back" if one.reversal else one.layer,
                words.to(one.debit_account, one.debit_account.code),
                words.to(one.credit_account, one.credit_account.code),
                words.amount(one.amount, one.currency),
                words.to(one, "line"),
            )
            for one in found[: ROWS_MAX + 1]
        ],
        "Nothing is booked.",
    )
