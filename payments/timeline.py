"""What happened to a payment, in causal order: what merchants read and what operators see.

Every kind of thing is read by a statement or a few, bounded, however many rows there are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from payments.models import Dispute, Operation, OperationKind, Payment
from payments.representation import timestamp

# More than this of one kind is not read by anybody.
ROWS_MAX = 200

# Within one transaction, causes first.
KINDS = (
    *("request", "operator_act", "provider_event", "attempt", "answer", "notice"),
    *("state_change", "ledger_line", "event", "delivery", "message"),
)
_RANKS = {kind: rank for rank, kind in enumerate(KINDS)}
# What a message does, its attempt, the answer, and what follows from that.
_CHAIN_MAX = 4
_NEXT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened; ``facts`` are JSON, masked as a merchant may see them.

    ``xid`` is the transaction that wrote it, where the row says so. ``cause`` is the id of another
    entry, before which it cannot have happened.
    """

    kind: str
    id: UUID
    at: datetime
    object: tuple[str, UUID]
    facts: Mapping[str, Any]
    xid: int | None = None
    cause: UUID | None = None
    name: str = ""  # the id as merchants know it, if that is another one


@dataclass(frozen=True, slots=True)
class Subject:
    """A payment, with the rows that things happened to."""

    payment: Payment
    operations: Sequence[Operation]
    disputes: Sequence[Dispute] = ()

    @property
    def operation_ids(self) -> list[UUID]:
        """Return the ids of its operations."""
        return [one.id for one in self.operations]

    @property
    def sources(self) -> list[UUID]:
        """Return the payment's id and those of its refunds and disputes."""
        refunds = (one.refund_id for one in self.operations if one.refund_id)
        return [self.payment.id, *refunds, *self.dispute_ids]

    @property
    def dispute_ids(self) -> list[UUID]:
        """Return the ids of its disputes."""
        return [one.id for one in self.disputes]

    @property
    def held_operations(self) -> list[Operation]:
        """Return the captures and voids that the merchant asked for."""
        kinds = {OperationKind.CAPTURE, OperationKind.VOID}
        return [one for one in self.operations if one.kind in kinds and not one.unasked_id]

    def object(self, operation_id: UUID) -> tuple[str, UUID]:
        """Return what an operation carries out: the payment, or one of its refunds."""
        refunds = {one.id: one.refund_id for one in self.operations}
        refund_id = refunds.get(operation_id)
        return ("refund", refund_id) if refund_id else ("payment", self.payment.id)

    def known(self, source_id: UUID) -> tuple[str, UUID]:
        """Return the payment, refund or dispute that has this id."""
        if source_id in self.dispute_ids:
            return "dispute", source_id
        is_refund = source_id != self.payment.id and source_id in self.sources
        return ("refund", source_id) if is_refund else ("payment", self.payment.id)


@dataclass(slots=True)
class Timeline:
    """Entries; ``is_cut`` if there are more of a kind than are told."""

    entries: list[Entry] = field(default_factory=list)
    is_cut: bool = False

    def add(self, found: Iterable[Entry]) -> None:
        """Take in what a source has, at most ``ROWS_MAX`` of a kind; sources ask for one more."""
        counts = dict.fromkeys(KINDS, 0)
        for entry in found:
            counts[entry.kind] += 1
            if counts[entry.kind] > ROWS_MAX:
                self.is_cut = True
            else:
                self.entries.append(entry)

    def ids(self, *kinds: str) -> list[UUID]:
        """Return the ids of entries of these kinds."""
        return [entry.id for entry in self.entries if entry.kind in kinds]


Source = Callable[[Subject, Timeline], Iterable[Entry]]
# What rooms above this one know of a payment: provider events, deliveries. A source sees what the
# ones before it found.
SOURCES: list[Source] = []


def masked(text: str) -> str | None:
    """Return the end of an id or key that is somebody else's, enough to recognise it by."""
    if not text:
        return None
    return "…" + text[len(text) - min(4, len(text) // 3) :]


def in_causal_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort by when a transaction wrote them, and within it causes first.

    A transaction is as old as the earliest of its rows, but not older than what caused any of them.
    """
    known = [(entry, _group(entry)) for entry in entries]
    moments: dict[Any, datetime] = {}
    for entry, group in known:
        moments[group] = min(entry.at, moments.get(group, entry.at))
    groups = {entry.id: group for entry, group in reversed(known)}
    for _ in range(_CHAIN_MAX):
        for entry, group in known:
            before = groups.get(entry.cause) if entry.cause else None
            if before is not None and before != group:
                moments[group] = max(moments[group], moments[before] + _NEXT)
    known.sort(key=lambda one: _place(one[0], moments[one[1]]))
    return [entry for entry, _ in known]


def _group(entry: Entry) -> Any:
    return (entry.kind, entry.id) if entry.xid is None else entry.xid


def _place(entry: Entry, moment: datetime) -> tuple[Any, ...]:
    return moment, entry.xid or 0, _RANKS[entry.kind], entry.at, entry.id


def as_dict(entry: Entry) -> dict[str, Any]:
    """Return an entry as merchants read it."""
    kind, object_id = entry.object
    return {
        "at": timestamp(entry.at),
        "kind": entry.kind,
        "id": entry.name or str(entry.id),
        "object": {"type": kind, "id": str(object_id)},
        "facts": dict(entry.facts),
    }
