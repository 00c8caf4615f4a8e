"""What a look-up showed besides what it asked for: money that moved again, and others' deeds."""

from collections.abc import Sequence
from uuid import UUID

from core.db import needs_transaction
from core.ids import uuid7
from gateways import base
from payments import notices, unasked
from payments.advancing import charge_of
from payments.cases import Case
from payments.changes import Changes
from payments.models import Attempt, Notice, Operation
from payments.placing import Address, Placing, place

# What was shown, to which look for which operation.
Shown = tuple[Case, Attempt, base.Sighting]


@needs_transaction
def take(shown: Sequence[Shown], changes: Changes) -> None:
    """Store what is news of our operations, and book what nobody asked us for.

    What is about another operation of ours is left to that one: its payment is not locked here.
    """
    if not shown:
        return
    seen = {uuid7(): one for one in shown}
    placing = place({key: _address(case.operation, what) for key, (case, _, what) in seen.items()})
    unknown = []
    for key, (case, attempt, what) in seen.items():
        notice = _notice(key, attempt, what.outcome)
        if placing.operation_ids.get(key) == case.operation.id:
            _store(case, notice)
        elif (charge := _charge_touched(key, case, placing)) is not None:
            unknown.append((charge, notice, what.kind))
    if unknown:
        opened, _ = unasked.open_cases(unknown, changes)
        told = [(opened[notice.id], notice) for _, notice, _ in unknown if notice.id in opened]
        notices.take(told, changes)


def _address(operation: Operation, what: base.Sighting) -> Address:
    outcome = what.outcome
    return Address(
        operation.gateway,
        what.kind,
        what.reference,
        outcome.provider_id,
        what.charge_reference,
        outcome.amount,
        outcome.currency,
    )


def _notice(key: UUID, attempt: Attempt, outcome: base.Outcome) -> Notice:
    return Notice(
        id=key,
        attempt=attempt,
        outcome=outcome.kind.value,
        provider_id=outcome.provider_id,
        amount=outcome.amount,
        currency=outcome.currency,
        account=outcome.account,
    )


def _store(case: Case, notice: Notice) -> None:
    """Store a fact about this operation, unless the same was said before."""
    said = {*map(_words, case.attempts), *map(_words, case.notices)}
    if _words(notice) not in said:
        notice.operation = case.operation
        notice.save(force_insert=True)
        case.notices.append(notice)


def _words(fact: Attempt | Notice) -> tuple[object, ...]:
    return fact.outcome, fact.provider_id, fact.amount, fact.currency, fact.account


def _charge_touched(key: UUID, case: Case, placing: Placing) -> Case | None:
    """Return the charge of this payment that something unasked was done to, if it was."""
    charge = charge_of(case)
    if placing.unasked.get(key) != charge.id:
        return None
    return Case(charge, case.payment, family=case.family)
