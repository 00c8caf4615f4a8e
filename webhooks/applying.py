"""Brings stored provider events to the payments they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from core.logging import get_logger
from core.metrics import PROVIDER_EVENTS
from outbox import staging
from outbox.handling import Completion, Done, Local, Plan, Started
from payments import cases, notices
from payments.cases import Docket
from payments.changes import Changes
from payments.models import Notice
from payments.notices import Unplaceable
from webhooks.ingress import APPLY
from webhooks.models import ProviderEvent

log = get_logger(__name__)


@dataclass(slots=True)
class Pile:
    """The events of a group, and the cases they belong to; None where none was found."""

    events: dict[UUID, ProviderEvent]
    operation_ids: dict[UUID, UUID]
    unplaceable: dict[UUID, str]
    docket: Docket


class ProviderEventHandler:
    """Applies provider events. There is nobody to call: what was said is stored already."""

    kinds = frozenset({APPLY})

    def load(self, subjects: Sequence[UUID]) -> Pile:
        """Read the events, lock the payments they are about, and read those."""
        events = {event.id: event for event in ProviderEvent.objects.filter(id__in=subjects)}
        operation_ids, unplaceable = {}, {}
        for event in events.values():
            try:
                operation_ids[event.id] = notices.find_operation(
                    gateway=event.gateway,
                    kind=event.kind,
                    reference=event.reference,
                    provider_id=event.provider_id,
                ).id
            except Unplaceable as error:
                unplaceable[event.id] = str(error)
        docket = cases.load(list(set(operation_ids.values())))
        return Pile(events, operation_ids, unplaceable, docket)

    def describe(self, case: Pile, subject_id: UUID) -> dict[str, str]:
        """Return the ids that log lines about this event carry."""
        ids = {"provider_event_id": str(subject_id)}
        operation_id = case.operation_ids.get(subject_id)
        if operation_id is not None:
            payment = case.docket.cases[operation_id].payment
            ids |= {
                "operation_id": str(operation_id),
                "payment_id": str(payment.id),
                "merchant_id": str(payment.merchant_id),
            }
        return ids

    def prepare(self, case: Pile, messages: Sequence[Started]) -> Mapping[UUID, Plan]:
        """Return that there is nothing to ask."""
        return {message.id: Local() for message in messages}

    def call(self, request: Any, lease: float) -> None:
        """Not used: an event is applied without a call."""
        raise NotImplementedError

    def settle(
        self, case: Pile, answers: Sequence[tuple[Started, Any]]
    ) -> Mapping[UUID, Completion]:
        """Apply or park each event."""
        changes = Changes(case.docket.now)
        ends = {
            message.id: Done(self._apply(case, case.events[message.subject_id], changes))
            for message, _ in answers
        }
        changes.flush()
        staging.hasten(list(case.operation_ids.values()))
        return ends

    def _apply(self, pile: Pile, event: ProviderEvent, changes: Changes) -> str:
        if event.applied_at or event.parked_at:
            return "known"
        reason = pile.unplaceable.get(event.id)
        if reason is None:
            case = pile.docket.cases[pile.operation_ids[event.id]]
            reason = notices.take(case, _notice(event), changes)
        if reason:
            _park(event, reason)
            return "parked"
        ProviderEvent.objects.filter(id=event.id).update(applied_at=Now())
        PROVIDER_EVENTS.labels(event.gateway, "applied").inc()
        return "applied"

    def record(self, case: Pile, answers: Sequence[tuple[Started, Any]]) -> None:
        """Do nothing: the event itself is the fact, and it is stored."""

    def refold(self, case: Pile, messages: Sequence[Started]) -> None:
        """Do nothing: whoever holds the message now applies the event."""

    def bury(self, case: Pile, messages: Sequence[Started], reason: str) -> None:
        """Park the events of dead messages, so that they stand where a person looks."""
        for message in messages:
            event = case.events.get(message.subject_id)
            if event is not None and not (event.applied_at or event.parked_at):
                _park(event, f"its message died: {reason}")


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


def _park(event: ProviderEvent, reason: str) -> None:
    ProviderEvent.objects.filter(id=event.id).update(parked_at=Now(), parked_reason=reason)
    PROVIDER_EVENTS.labels(event.gateway, "parked").inc()
    log.error(
        "provider_event.parked",
        gateway=event.gateway,
        provider_event_id=str(event.id),
        reason=reason,
    )
