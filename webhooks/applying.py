"""Brings stored provider events to the payments they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.db import rows, rows_of_values
from core.kill_points import reached
from core.logging import get_logger
from core.metrics import PROVIDER_EVENTS
from outbox import staging
from outbox.handling import Completion, Done, Started
from payments import cases, notices
from payments.cases import Case, Docket
from payments.changes import Changes
from payments.models import Notice
from payments.notices import Address, Placing
from webhooks.ingress import APPLY
from webhooks.models import ProviderEvent

log = get_logger(__name__)


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
        """Return the case that an event is about."""
        operation_id = self.placing.operation_ids.get(event_id)
        return self.docket.cases[operation_id] if operation_id else None


class ProviderEventHandler:
    """Applies provider events. There is nobody to call: what was said is stored already."""

    kinds = frozenset({APPLY})

    def load(self, subjects: Sequence[UUID]) -> Pile:
        """Read the events, lock the payments they are about, and read those."""
        events = {event.id: event for event in ProviderEvent.objects.filter(id__in=subjects)}
        placing = notices.place(
            {
                event.id: Address(event.gateway, event.kind, event.reference, event.provider_id)
                for event in events.values()
            }
        )
        return Pile(events, placing, cases.load(list({*placing.operation_ids.values()})))

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
        new = [event for event in events if not (event.applied_at or event.parked_at)]
        reasons = _take(case, new, changes)
        changes.flush()
        reached("fold.after_changes")
        _mark_applied([event for event in new if event.id not in reasons])
        _park([(event, reasons[event.id]) for event in new if event.id in reasons])
        reached("fold.after_marks")
        staging.hasten(list(case.placing.operation_ids.values()))
        ends = {event.id: "known" for event in events}
        ends |= {event.id: "parked" if event.id in reasons else "applied" for event in new}
        return {message.id: Done(ends[message.subject_id]) for message, _ in answers}

    def record(self, case: Pile, answers: Sequence[tuple[Started, Any]]) -> None:
        """Do nothing: the event itself is the fact, and it is stored."""

    def refold(self, case: Pile, messages: Sequence[Started]) -> None:
        """Do nothing: whoever holds the message now applies the event."""

    def bury(self, case: Pile, messages: Sequence[Started], reason: str) -> None:
        """Park the events of dead messages, so that they stand where a person looks."""
        events = [event for message in messages if (event := case.events.get(message.subject_id))]
        new = [event for event in events if not (event.applied_at or event.parked_at)]
        _park([(event, f"its message died: {reason}") for event in new])


def _take(pile: Pile, events: Sequence[ProviderEvent], changes: Changes) -> dict[UUID, str]:
    """Take what has a place; return, by event, why a person should look, where one should."""
    told, reasons = [], {}
    for event in events:
        case = pile.case_of(event.id)
        if case is None:
            reasons[event.id] = pile.placing.unplaceable[event.id]
        else:
            told.append((case, _notice(event)))
    objections = notices.take(told, changes)
    return reasons | {event_id: reason for event_id, reason in objections.items() if reason}


def _notice(event: ProviderEvent) -> Notice:
    return Notice(
        id=event.id,
        outcome=event.outcome,
        provider_id=event.provider_id,
        amount=event.amount,
        currency=event.currency,
        code=event.code,
        detail=event.detail,
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
