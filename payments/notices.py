"""What providers tell us unasked, brought to the operation it is about."""

from collections.abc import Iterable
from uuid import UUID

from core.db import needs_transaction
from payments.cases import Case
from payments.changes import Changes
from payments.models import Notice, Operation, OperationKind
from payments.outcomes import NOTICE, Cause, apply


class Unplaceable(Exception):
    """No operation of ours is certainly what this is about."""


def find_operation(*, gateway: str, kind: str, reference: str, provider_id: str) -> Operation:
    """Return the operation that a provider's reference means: an operation, refund or payment id.

    :raises Unplaceable: if there is none, or more than one it could be
    """
    try:
        named = UUID(reference)
    except ValueError:
        message = "the reference is none of ours"
        raise Unplaceable(message) from None
    operations = Operation.objects.filter(kind=kind)
    found = operations.filter(id=named).first()
    if found is None and kind == OperationKind.REFUND:
        found = _the_refund(operations.filter(refund_id=named), provider_id) or _the_refund(
            operations.filter(payment_id=named), provider_id
        )
    elif found is None:
        found = operations.filter(payment_id=named).first()
    if found is None:
        message = "no operation of ours has this reference"
        raise Unplaceable(message)
    if found.gateway != gateway:
        message = "the operation belongs to another gateway"
        raise Unplaceable(message)
    return found


def _the_refund(candidates: Iterable[Operation], provider_id: str) -> Operation | None:
    listed = list(candidates)
    known = [
        operation for operation in listed if provider_id and operation.provider_id == provider_id
    ]
    if len(known) == 1:
        return known[0]
    return listed[0] if len(listed) == 1 else None


@needs_transaction
def take(case: Case, notice: Notice, changes: Changes) -> str:
    """Store the notice as a fact, and bring the payment to what all facts mean.

    Return why a person should look, if one should. Taking it twice changes nothing.
    """
    if all(known.id != notice.id for known in case.notices):
        notice.operation = case.operation
        notice.save(force_insert=True)
        case.notices.append(notice)
    return apply(case, changes, Cause(NOTICE, notice.id)).review
