"""What was done to a charge at the provider, without us: seen, written down and booked.

A refund, capture or void as any other, only that nobody asked us, and nothing is ever sent. That a
hold ran out is such a void.
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
from payments.standing import is_manual

ELSEWHERE = "the provider has told of this for another payment"
TAKEN_AT_ONCE = "the provider reports a capture of what was taken with its charge"
# The case of the charge, what was told, and what kind of thing that is.
Seen = tuple[Case, Notice, str]


@needs_transaction
def open_cases(seen: Sequence[Seen], changes: Changes) -> tuple[dict[UUID, Case], dict[UUID, str]]:
    """Give each a case of its own, once for each id of the provider.

    Return the cases by notice, and why a person should look at the others that happened.
    """
    happened = [one for one in seen if one[1].outcome == Said.SUCCEEDED]
    known = _known([_identity(one) for one in happened])
    opened: dict[Identity, Case] = {}
    cases, reasons = {}, {}
    for one in happened:
        charge, notice, _ = one
        identity = _identity(one)
        case = opened.get(identity)
        if case is None:
            reason = _refusal(one, known)
            if not reason:
                case = opened[identity] = _case(one, changes)
        elif case.payment.id != charge.payment.id:
            case, reason = None, ELSEWHERE
        if case is not None:
            cases[notice.id] = case
        else:
            reasons[notice.id] = reason
            review(charge.payment, changes, reason)
    _write(list(opened.values()), changes)
    return cases, reasons


# A gateway, a kind, and the provider's id: of one charge there may be a capture and a void.
Identity = tuple[str, str, str]


def _identity(seen: Seen) -> Identity:
    charge, notice, kind = seen
    return charge.operation.gateway, notice.provider_id, kind


def _known(identities: Sequence[Identity]) -> set[Identity]:
    """Return which of these the provider has told of already."""
    found = Operation.objects.filter(
        gateway__in={gateway for gateway, _, _ in identities},
        unasked_id__in={provider_id for _, provider_id, _ in identities},
    )
    columns = found.exclude(unasked_id="").values_list("gateway", "unasked_id", "kind")
    return {(gateway, unasked_id, kind) for gateway, unasked_id, kind in columns}


def _refusal(seen: Seen, known: Collection[Identity]) -> str:
    charge, notice, kind = seen
    if notice.account:
        return Review.OTHER_ACCOUNT
    is_capture = kind == OperationKind.CAPTURE
    most = charge.payment.amount if is_capture else MAX_AMOUNT
    is_bounded = notice.amount is not None and 1 <= notice.amount <= most
    if not is_bounded or notice.currency != charge.payment.currency:
        return Review.OTHER_MONEY
    if is_capture and not is_manual(charge.payment.capture_method):
        return TAKEN_AT_ONCE
    return ELSEWHERE if _identity(seen) in known else ""


def _case(seen: Seen, changes: Changes) -> Case:
    charge, notice, kind = seen
    payment, amount = charge.payment, notice.amount or 0
    refund = _refund(charge, amount, changes) if kind == OperationKind.REFUND else None
    operation = Operation(
        payment=payment,
        refund=refund,
        kind=kind,
        gateway=charge.operation.gateway,
        amount=payment.amount if kind == OperationKind.VOID else amount,
        currency=payment.currency,
        provider_id=notice.provider_id,
        unasked_id=notice.provider_id,
        created_at=changes.now,
    )
    if refund is None:
        charge.family.append(operation)
    return Case(operation, payment, family=charge.family)


def _refund(charge: Case, amount: int, changes: Changes) -> Refund:
    payment = charge.payment
    return Refund(
        payment=payment,
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        amount=amount,
        currency=payment.currency,
        created_at=changes.now,
        updated_at=changes.now,
    )


def _write(cases: Sequence[Case], changes: Changes) -> None:
    Refund.objects.bulk_create([refund for case in cases if (refund := case.operation.refund)])
    Operation.objects.bulk_create([case.operation for case in cases])
    for case in cases:
        if case.operation.refund:
            changes.tell("refund.created", case.payment, case.operation.refund)
