"""What providers tell us unasked, brought to the operations it is about, set by set."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from core.db import needs_transaction
from payments.cases import Case
from payments.changes import Changes
from payments.facts import Meaning, Review
from payments.models import Attempt, Notice, Operation, OperationKind
from payments.outcomes import NOTICE, Cause, apply


class Unplaceable(Exception):
    """No operation of ours is certainly what this is about."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a notice says of where it belongs: ``reference`` is an operation, refund or payment."""

    gateway: str
    kind: str
    reference: str
    provider_id: str


@dataclass(frozen=True, slots=True)
class Placing:
    """The operation that each notice is about, and why none was found for the others."""

    operation_ids: dict[UUID, UUID] = field(default_factory=dict)
    unplaceable: dict[UUID, str] = field(default_factory=dict)


def place(addresses: Mapping[UUID, Address]) -> Placing:
    """Find the operations of many notices, in as many statements as for one."""
    named = {name for address in addresses.values() if (name := _our_id(address.reference))}
    places = _Places(named)
    placing = Placing()
    for notice_id, address in addresses.items():
        try:
            placing.operation_ids[notice_id] = places.find(address).id
        except Unplaceable as error:
            placing.unplaceable[notice_id] = str(error)
    return placing


def _our_id(reference: str) -> UUID | None:
    try:
        return UUID(reference)
    except ValueError:
        return None


class _Places:
    """Operations by every id of ours that a provider may name."""

    def __init__(self, named: Iterable[UUID]) -> None:
        self._by_name: defaultdict[tuple[str, UUID], list[Operation]] = defaultdict(list)
        self._provider_ids: defaultdict[UUID, set[str]] = defaultdict(set)
        wanted = list(named)
        is_named = Q(id__in=wanted) | Q(refund_id__in=wanted) | Q(payment_id__in=wanted)
        refunds = []
        for operation in Operation.objects.filter(is_named):
            for name in {operation.id, operation.refund_id or operation.id, operation.payment_id}:
                self._by_name[operation.kind, name].append(operation)
            if operation.kind == OperationKind.REFUND:
                refunds.append(operation)
        self._learn(refunds)

    def _learn(self, refunds: list[Operation]) -> None:
        """Collect every id under which the provider has spoken of these refunds."""
        known = {(operation.id, operation.provider_id) for operation in refunds}
        for facts in (Attempt.objects, Notice.objects) if refunds else ():
            said = facts.filter(operation__in=refunds).exclude(provider_id="")
            known.update(said.values_list("operation_id", "provider_id").distinct())
        for operation_id, provider_id in known:
            if provider_id:
                self._provider_ids[operation_id].add(provider_id)

    def find(self, address: Address) -> Operation:
        """Return the operation at this address.

        :raises Unplaceable: if there is none, or more than one it could be
        """
        name = _our_id(address.reference)
        if name is None:
            message = "the reference is none of ours"
            raise Unplaceable(message)
        candidates = self._by_name.get((address.kind, name), [])
        if not candidates:
            message = "no operation of ours has this reference"
            raise Unplaceable(message)
        found = candidates[0]
        if found.kind == OperationKind.REFUND and name == found.payment_id:
            found = self._the_refund(candidates, address.provider_id)
        if found.gateway != address.gateway:
            message = "the operation belongs to another gateway"
            raise Unplaceable(message)
        return found

    def _the_refund(self, candidates: Sequence[Operation], provider_id: str) -> Operation:
        """Return which of a payment's refunds the provider means by this id of its own."""
        meant = [one for one in candidates if provider_id in self._provider_ids[one.id]]
        if len(meant) == 1:
            return meant[0]
        if len(candidates) > 1:
            message = "it could be about any of several refunds"
            raise Unplaceable(message)
        if provider_id and self._provider_ids[candidates[0].id]:
            message = "the provider knows the only refund by another id"
            raise Unplaceable(message)
        return candidates[0]


@needs_transaction
def take(told: Sequence[tuple[Case, Notice]], changes: Changes) -> dict[UUID, str]:
    """Store notices as facts, and bring each payment to what all facts mean.

    Return, by notice, why a person should look at it, if one should. Taking one twice changes
    nothing.
    """
    new, reasons = [], {}
    for case, notice in told:
        if all(known.id != notice.id for known in case.notices):
            notice.operation = case.operation
            case.notices.append(notice)
            new.append(notice)
        apply(case, changes, Cause(NOTICE, notice.id))
        reasons[notice.id] = _objection(case, notice)
    Notice.objects.bulk_create(new)
    return reasons


def _objection(case: Case, notice: Notice) -> str:
    """Tell why this notice calls for a person; another fact that does is not its fault."""
    alone = Case(case.operation, case.payment, notices=[notice]).verdict()
    is_success = alone.meaning is Meaning.SUCCEEDED
    if is_success and notice.provider_id != case.operation.provider_id:
        return Review.MOVED_TWICE
    return alone.review
