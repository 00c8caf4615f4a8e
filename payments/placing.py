"""Finds the operation that a provider speaks of, by whatever it has of ours and of its own.

What bears our reference is ours. A refund, capture or void that only says which charge it gives
back, takes or lets go is one of ours, or one that somebody made at the provider: it is told by the
provider's id for it. While one of ours is unanswered and may have that id, nobody can tell, and the
provider is asked first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from payments.facts import Said
from payments.models import Attempt, AttemptKind, Notice, Operation, OperationKind, Origin
from payments.states import OperationState

# What a provider may tell of besides operations.
DISPUTE = "dispute"


class Unplaceable(Exception):
    """No operation of ours is certainly what this is about."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a notice says of where it belongs: a reference is an operation, refund or payment.

    ``charge_reference`` is that of the charge which a refund gives back, and so on. A dispute's
    ``reference`` is that of the charge which it is about.
    """

    gateway: str
    kind: str
    reference: str
    provider_id: str
    charge_reference: str = ""
    amount: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Placing:
    """The operation that each notice is about, and why none was found for the others.

    ``unasked`` has the charges that something was done to that we never asked for, ``in_doubt``
    the operations of ours that have to be asked about before anybody can tell.
    """

    operation_ids: dict[UUID, UUID] = field(default_factory=dict)
    unplaceable: dict[UUID, str] = field(default_factory=dict)
    unasked: dict[UUID, UUID] = field(default_factory=dict)
    in_doubt: dict[UUID, list[UUID]] = field(default_factory=dict)
    charges: dict[UUID, UUID] = field(default_factory=dict)

    @property
    def subjects(self) -> list[UUID]:
        """Return every operation that has to be read."""
        return list({*self.operation_ids.values(), *self.charges.values()})


def place(addresses: Mapping[UUID, Address]) -> Placing:
    """Find the operations of many notices, in as many statements as for one.

    What only says which charge it gives back (``charges``) is placed for good under the lock of
    that payment; without it, it tells which payment that is.
    """
    places = _Places(addresses.values())
    placing = Placing()
    for notice_id, address in addresses.items():
        try:
            places.find(notice_id, address, placing)
        except Unplaceable as error:
            placing.unplaceable[notice_id] = str(error)
    return placing


def _our_id(reference: str) -> UUID | None:
    try:
        return UUID(reference)
    except ValueError:
        return None


@dataclass(slots=True)
class _Known:
    """What the provider has said of an operation: its ids, and whether it was ever asked."""

    provider_ids: set[str] = field(default_factory=set)
    was_sent: bool = False
    is_unanswered: bool = False


class _Places:
    """Operations by every id of ours that a provider may name."""

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._by_name: defaultdict[tuple[str, UUID], list[Operation]] = defaultdict(list)
        self._done: defaultdict[tuple[str, UUID], list[Operation]] = defaultdict(list)
        self._known: defaultdict[UUID, _Known] = defaultdict(_Known)
        wanted = list(addresses)
        names = {_our_id(text) for one in wanted for text in (one.reference, one.charge_reference)}
        named = list(names - {None})
        is_named = Q(id__in=named) | Q(refund_id__in=named) | Q(payment_id__in=named)
        for operation in Operation.objects.filter(is_named):
            self._by_name[operation.kind, operation.id].append(operation)
            if operation.refund_id:
                self._by_name[operation.kind, operation.refund_id].append(operation)
            elif operation.kind == OperationKind.CHARGE:
                self._by_name[operation.kind, operation.payment_id].append(operation)
        touched = [charge for one in wanted if (charge := self._charge_of(one))]
        if touched:
            self._learn([charge.payment_id for charge in touched])

    def _learn(self, payment_ids: list[UUID]) -> None:
        """Collect what is known of what was done to the charges of these payments."""
        found = Operation.objects.filter(payment__in=payment_ids)
        done = list(found.exclude(kind=OperationKind.CHARGE))
        for operation in done:
            self._done[operation.kind, operation.payment_id].append(operation)
            self._known[operation.id].provider_ids.add(operation.provider_id)
        sent = Attempt.objects.filter(operation__in=done).exclude(outcome=Said.NOT_SENT)
        for operation_id, kind, outcome, provider_id in sent.values_list(
            "operation_id", "kind", "outcome", "provider_id"
        ):
            known = self._known[operation_id]
            known.provider_ids.add(provider_id)
            known.was_sent = known.was_sent or kind == AttemptKind.SEND
            known.is_unanswered = known.is_unanswered or (
                kind == AttemptKind.SEND and outcome in {Said.NOTHING_YET, Said.UNKNOWN}
            )
        told = Notice.objects.filter(operation__in=done)
        for operation_id, provider_id in told.values_list("operation_id", "provider_id"):
            self._known[operation_id].provider_ids.add(provider_id)

    def find(self, notice_id: UUID, address: Address, placing: Placing) -> None:
        """Write down where this address is.

        :raises Unplaceable: if there is no such place, or more than one it could be
        """
        if address.kind == DISPUTE:
            placing.charges[notice_id] = _at(self._disputed(address), address.gateway).id
            return
        exact = self._named(address.kind, address.reference)
        if exact is not None:
            placing.operation_ids[notice_id] = _at(exact, address.gateway).id
            return
        charge = self._charge_of(address)
        if charge is None:
            raise _unplaceable(address)
        placing.charges[notice_id] = _at(charge, address.gateway).id
        self._tell_apart(notice_id, address, charge, placing)

    def _disputed(self, address: Address) -> Operation:
        """Return the charge that a dispute is about; it has no reference of its own."""
        charge = self._named(OperationKind.CHARGE, address.reference)
        if charge is None:
            raise _unplaceable(address)
        return charge

    def _named(self, kind: str, reference: str) -> Operation | None:
        name = _our_id(reference)
        found = self._by_name.get((kind, name), []) if name else []
        return found[0] if found else None

    def _charge_of(self, address: Address) -> Operation | None:
        """Return the charge that something was done to, if it bears no reference of its own."""
        if address.kind == OperationKind.CHARGE or self._named(address.kind, address.reference):
            return None
        charge = OperationKind.CHARGE
        return self._named(charge, address.reference) or self._named(
            charge, address.charge_reference
        )

    def _tell_apart(
        self, notice_id: UUID, address: Address, charge: Operation, placing: Placing
    ) -> None:
        done = self._done[address.kind, charge.payment_id]
        known = [one for one in done if self._is_known(one, address.provider_id)]
        nameless = [] if self._is_foreign(address) else self._nameless(done)
        in_doubt = [one.id for one in nameless if self._is_in_doubt(one)]
        alike = [
            one
            for one in nameless
            if (one.amount, one.currency) == (address.amount, address.currency)
        ]
        if len(alike) > 1 and all(one.state == OperationState.FAILED for one in alike):
            alike = []  # all were refused, so it is nobody's more than somebody else's
        if not known and in_doubt:
            placing.in_doubt[notice_id] = in_doubt
        elif known or alike:
            placing.operation_ids[notice_id] = _the_only(known or alike, address.kind).id
        elif address.provider_id:
            placing.unasked[notice_id] = charge.id
        else:
            message = f"it is none of our {address.kind}s, and the provider has no id for it"
            raise Unplaceable(message)

    def _is_known(self, operation: Operation, provider_id: str) -> bool:
        return bool(provider_id) and provider_id in self._known[operation.id].provider_ids

    def _is_foreign(self, address: Address) -> bool:
        """Everything that we send bears our reference: another one is somebody else's."""
        is_ours = self._named(OperationKind.CHARGE, address.reference) is not None
        return bool(address.reference) and not is_ours

    def _nameless(self, done: list[Operation]) -> list[Operation]:
        """Return those of ours that were sent and that no id is known of."""
        return [
            one
            for one in done
            if one.origin == Origin.MERCHANT
            and self._known[one.id].was_sent
            and not any(self._known[one.id].provider_ids)
        ]

    def _is_in_doubt(self, operation: Operation) -> bool:
        return operation.state == OperationState.OPEN and self._known[operation.id].is_unanswered


def _unplaceable(address: Address) -> Unplaceable:
    is_ours = _our_id(address.reference) is not None
    return Unplaceable(
        "no operation of ours has this reference" if is_ours else "the reference is none of ours"
    )


def _the_only(candidates: list[Operation], kind: str) -> Operation:
    if len(candidates) > 1:
        message = f"it could be about any of several {kind}s"
        raise Unplaceable(message)
    return candidates[0]


def _at(found: Operation, gateway: str) -> Operation:
    if found.gateway != gateway:
        message = "the operation belongs to another gateway"
        raise Unplaceable(message)
    return found
