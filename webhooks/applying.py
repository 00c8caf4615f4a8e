"""Brings stored provider events to the payments they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from core.db import needs_transaction, rows, rows_of_values
from core.kill_points import reached
from core.logging import get_logger
from core.metrics import PROVIDER_EVENTS
from gateways.disputes import DisputeSaid
from outbox import staging
from outbox.handling import Again, Completion, Done, Started
from payments import cases, disputing, notices, placing, unasked
from payments.cases import Case, Docket
from payments.changes import Changes
from payments.models import Notice
from payments.placing import DISPUTE, Address, Placing
from webhooks.ingress import APPLY
from webhooks.models import ProviderEvent

log = get_logger(__name__)

# A refund of ours that is in doubt is asked about every minute at the most.
WAIT_SECONDS_MIN, WAIT_SECONDS_MAX = 2.0, 60.0
NOT_TOLD_APART = "it may be a refund of ours that is still in doubt"
NOT_CAPTURED = "it is about a charge that is not known to be captured yet"

_WRITE_APPLIED = """
    UPDATE webhooks_providerevent SET applied_at = now() WHERE id = ANY(%s::uuid[])
"""
_WRITE_PARKED = """
    UPDATE webhooks_providerevent e SET parked_at = now(), parked_reason = v.reason
    FROM (VALUES %s) AS v(id, reason)
    WHERE e.id = v.id
    RETURNING e.id
"""


@dataclass(slots=True)
class Pile:
    """The events of a group, and the cases they belong to; none for those without a place."""

    events: dict[UUID, ProviderEvent]
    placing: Placing
    docket: Docket

    def case_of(self, event_id: UUID) -> Case | None:
        """Return the case that an event is about, or the charge that its refund gives back."""
        place = self.placing
        operation_id = place.operation_ids.get(event_id) or place.charges.get(event_id)
        return self.docket.cases[operation_id] if operation_id else None

    def waits(self, event: ProviderEvent, starts: int) -> bool:
        """Tell whether an operation of ours is being asked about before anybody can tell."""
        case = self.case_of(event.id)
        if event.kind == DISPUTE:
            is_new = _is_new(event)
            return is_new and case is not None and disputing.may_be_captured(case, starts)
        is_in_doubt = event.id in self.placing.in_doubt and _is_new(event)
        return is_in_doubt and case is not None and not case.payment.needs_review


class ProviderEventHandler:
    """Applies provider events. There is nobody to call: what was said is stored already."""

    kinds = frozenset({APPLY})

    def load(self, subjects: Sequence[UUID]) -> Pile:
        """Read the events, lock the payments they are about, and read those."""
        events = {event.id: event for event in ProviderEvent.objects.filter(id__in=subjects)}
        addresses = {event.id: _address(event) for event in events.values()}
        place = placing.place(addresses)
        docket = cases.load(place.subjects)
        if place.charges:
            # Their payments are locked only now, and what tells their refunds apart may be new.
            place = placing.place(addresses)
            docket = cases.load(place.subjects)
        return Pile(events, place, docket)

    def describe(self, case: Pile, subject_id: UUID) -> dict[str, str]:
        """Return the ids that log lines about this event carry."""
        ids = {"provider_event_id": str(subject_id)}
        about = case.case_of(subject_id)
        if about is not None:
            ids |= {
                "operation_id": str(about.operation.id),
                "payment_id": str(about.payment.id),
                "merchant_id": str(about.payment.merchant_id),
            }
        return ids

    def settle(
        self, case: Pile, answers: Sequence[tuple[Started, Any]]
    ) -> Mapping[UUID, Completion]:
        """Apply or park each event."""
        changes = Changes(case.docket.now)
        events = [case.events[message.subject_id] for message, _ in answers]
        waiting = {
            message.subject_id
            for message, _ in answers
            if case.waits(case.events[message.subject_id], message.starts)
        }
        new = [event for event in events if _is_new(event) and event.id not in waiting]
        reasons = _take(case, new, changes)
        changes.flush()
        reached("fold.after_changes")
        _mark_applied([event for event in new if event.id not in reasons])
        _park([(event, reasons[event.id]) for event in new if event.id in reasons])
        reached("fold.after_marks")
        staging.hasten(list(case.placing.operation_ids.values()))
        ends = {event.id: "known" for event in events}
        ends |= {event.id: "parked" if event.id in reasons else "applied" for event in new}
        return {
            message.id: _wait(case, message)
            if message.subject_id in waiting
            else Done(ends[message.subject_id])
            for message, _ in answers
        }

    def record(self, case: Pile, answers: Sequence[tuple[Started, Any]]) -> None:
        """Do nothing: the event itself is the fact, and it is stored."""

    def refold(self, case: Pile, messages: Sequence[Started]) -> None:
        """Do nothing: whoever holds the message now applies the event."""

    def bury(self, case: Pile, messages: Sequence[Started], reason: str) -> None:
        """Park the events of dead messages, so that they stand where a person looks."""
        events = [event for message in messages if (event := case.events.get(message.subject_id))]
        new = [event for event in events if _is_new(event)]
        _park([(event, f"its message died: {reason}") for event in new])


def _is_new(event: ProviderEvent) -> bool:
    return not (event.applied_at or event.parked_at)


def _address(event: ProviderEvent) -> Address:
    return Address(
        event.gateway,
        event.kind,
        event.reference,
        event.provider_id,
        event.charge_reference,
        event.amount,
        event.currency,
    )


@needs_transaction
def _wait(pile: Pile, message: Started) -> Again:
    """Have the provider asked about the operations of ours that matter, and come back."""
    event_id, error = message.subject_id, NOT_TOLD_APART
    disputed = pile.case_of(event_id) if pile.events[event_id].kind == DISPUTE else None
    if disputed is not None:
        error = NOT_CAPTURED
    if message.starts == 1:
        if disputed is not None:
            disputing.ask_for_capture(disputed, pile.docket.now)
        else:
            staging.hasten(pile.placing.in_doubt[event_id])
    seconds = min(WAIT_SECONDS_MIN * message.starts, WAIT_SECONDS_MAX)
    return Again(timedelta(seconds=seconds), "in_doubt", spends=False, error=error)


def _take(pile: Pile, events: Sequence[ProviderEvent], changes: Changes) -> dict[UUID, str]:
    """Take what has a place; return, by event, why a person should look, where one should."""
    place = pile.placing
    disputes = [
        (pile.docket.cases[charge_id], _told(event))
        for event in events
        if event.kind == DISPUTE and (charge_id := place.charges.get(event.id))
    ]
    told = {event.id: _notice(event) for event in events if event.kind != DISPUTE}
    reasons = {event.id: place.unplaceable[event.id] for event in events
               if event.id in place.unplaceable}  # fmt: skip
    reasons |= {event.id: NOT_TOLD_APART for event in events if event.id in place.in_doubt}
    found = {event_id: pile.docket.cases[operation_id]
             for event_id, operation_id in place.operation_ids.items()}  # fmt: skip
    seen = [
        (pile.docket.cases[charge_id], told[event_id], pile.events[event_id].kind)
        for event_id, charge_id in place.unasked.items()
        if event_id in told
    ]
    opened, refused = unasked.open_cases(seen, changes)
    found |= opened
    reasons |= disputing.take(disputes, changes)
    objections = notices.take([(found[id_], told[id_]) for id_ in told if id_ in found], changes)
    return reasons | refused | {event_id: why for event_id, why in objections.items() if why}


def _notice(event: ProviderEvent) -> Notice:
    return Notice(
        id=event.id,
        outcome=event.outcome,
        provider_id=event.provider_id,
        amount=event.amount,
        currency=event.currency,
        account=event.account,
        action_url=event.action_url,
        code=event.code,
        detail=event.detail,
    )


def _told(event: ProviderEvent) -> disputing.Told:
    return disputing.Told(
        id=event.id,
        gateway=event.gateway,
        provider_id=event.provider_id,
        said=DisputeSaid(event.outcome),
        amount=event.amount,
        currency=event.currency,
        account=event.account,
        fee=event.fee,
        reason=event.code,
    )


def _mark_applied(events: Sequence[ProviderEvent]) -> None:
    if events:
        rows(_WRITE_APPLIED, [[event.id for event in events]])
    for event in events:
        PROVIDER_EVENTS.labels(event.gateway, "applied").inc()


def _park(parked: Sequence[tuple[ProviderEvent, str]]) -> None:
    rows_of_values(
        _WRITE_PARKED, "(%s::uuid, %s)", [(event.id, reason) for event, reason in parked]
    )
    for event, reason in parked:
        PROVIDER_EVENTS.labels(event.gateway, "parked").inc()
        log.error(
            "provider_event.parked",
            gateway=event.gateway,
            provider_event_id=str(event.id),
            reason=reason,
        )
