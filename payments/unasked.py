"""Refunds that somebody made at the provider, without us: seen, written down and booked.

They are a merchant's refunds as any other, only that nobody asked us, and nothing is ever sent.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from core.db import needs_transaction
from core.money import MAX_AMOUNT
from payments.cases import Case
from payments.changes import Changes
from payments.facts import Review, Said
from payments.models import Notice, Operation, OperationKind, Refund
from payments.reviews import review

ELSEWHERE = "the provider has told of this refund for another payment"


@needs_transaction
def open_cases(
    seen: Sequence[tuple[Case, Notice]], changes: Changes
) -> tuple[dict[UUID, Case], dict[UUID, str]]:
    """Give each refund a case of its own, once for each id of the provider.

    ``seen`` has the case of the charge that each gives back. Return the cases by notice, and why a
    person should look at the others that moved money.
    """
    moved = [pair for pair in seen if pair[1].outcome == Said.SUCCEEDED]
    known = _known([(charge.operation.gateway, notice.provider_id) for charge, notice in moved])
    opened: dict[tuple[str, str], Case] = {}
    cases, reasons = {}, {}
    for charge, notice in moved:
        identity = (charge.operation.gateway, notice.provider_id)
        case = opened.get(identity)
        if case is None:
            reason = _refusal(charge, notice, known)
            if not reason:
                case = opened[identity] = _case(charge, notice, changes)
        elif case.payment.id != charge.payment.id:
            case, reason = None, ELSEWHERE
        if case is not None:
            cases[notice.id] = case
        else:
            reasons[notice.id] = reason
            review(charge.payment, changes, reason)
    _write(list(opened.values()), changes)
    return cases, reasons


def _known(identities: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which of these refunds the provider has told of already."""
    found = Operation.objects.filter(
        gateway__in={gateway for gateway, _ in identities},
        unasked_id__in={provider_id for _, provider_id in identities},
    )
    columns = found.exclude(unasked_id="").values_list("gateway", "unasked_id")
    return {(gateway, unasked_id) for gateway, unasked_id in columns}


def _refusal(charge: Case, notice: Notice, known: Collection[tuple[str, str]]) -> str:
    if notice.account:
        return Review.OTHER_ACCOUNT
    is_bounded = notice.amount is not None and 1 <= notice.amount <= MAX_AMOUNT
    if not is_bounded or notice.currency != charge.payment.currency:
        return Review.OTHER_MONEY
    return ELSEWHERE if (charge.operation.gateway, notice.provider_id) in known else ""


def _case(charge: Case, notice: Notice, changes: Changes) -> Case:
    payment, amount = charge.payment, notice.amount or 0
    refund = Refund(
        payment=payment,
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        amount=amount,
        currency=payment.currency,
        created_at=changes.now,
        updated_at=changes.now,
    )
    operation = Operation(
        payment=payment,
        refund=refund,
        kind=OperationKind.REFUND,
        gateway=charge.operation.gateway,
        amount=amount,
        currency=payment.currency,
        provider_id=notice.provider_id,
        unasked_id=notice.provider_id,
        created_at=changes.now,
    )
    return Case(operation, payment, family=charge.family)


def _write(cases: Sequence[Case], changes: Changes) -> None:
    Refund.objects.bulk_create([refund for case in cases if (refund := case.operation.refund)])
    Operation.objects.bulk_create([case.operation for case in cases])
    for case in cases:
        changes.tell("refund.created", case.payment, case.operation.refund)
