"""When a person is asked to look, and when not again.

A person who ends a review has seen what the facts say by then. The same facts, however often they
are folded or told again, do not ask for one a second time; anything new does.
"""

from collections.abc import Iterable
from hashlib import sha256

from core.logging import get_logger
from core.metrics import REVIEWS
from payments.cases import Case
from payments.changes import Changes
from payments.facts import Matter, Review, Said
from payments.models import DisputeFact, Operation, Payment, Seen

log = get_logger(__name__)

UNTOLD = "its merchant wants it cancelled, and the provider has not answered"


def review(
    payment: Payment, changes: Changes, reason: str, operation: Operation | None = None
) -> None:
    """Ask for a person. With an operation, its end ends that; without one only a person does."""
    asks_already = payment.needs_review
    caller = operation.id if operation else None
    if asks_already and payment.review_operation in {None, caller}:
        return
    if not asks_already or operation is None:
        payment.review_reason = reason
    # Called by two of them, neither's end may end it.
    payment.review_operation = None if asks_already else caller
    payment.needs_review = True
    changes.touch(payment)
    if not asks_already:
        changes.tell("payment.needs_review", payment)
        _alarm(payment, reason)


def end_own_review(payment: Payment, operation: Operation, changes: Changes) -> None:
    """End the review that this operation called for, as it ends."""
    if payment.needs_review and payment.review_operation == operation.id:
        payment.needs_review, payment.review_reason = False, ""
        payment.review_operation = None
        changes.touch(payment)


def _alarm(payment: Payment, reason: str) -> None:
    """Count by what the facts say; the other reasons name messages and gateways."""
    known = Review(reason).name.lower() if reason in set(Review) else "unsettled"
    REVIEWS.labels(known).inc()
    log.error("payment.needs_review", payment_id=str(payment.id), reason=reason)


def is_over(case: Case) -> bool:
    """Tell whether a person has seen all that the facts of this operation call for."""
    matters = case.matters()
    # Nearly always there is nothing to judge, and nothing to ask the database for.
    return bool(matters) and matters <= seen(case.operation)


def seen(operation: Operation) -> frozenset[Matter]:
    """Return what people had seen of an operation when they ended a review."""
    found = Seen.objects.filter(operation=operation)
    columns = found.values_list("outcome", "provider_id", "amount", "currency")
    return frozenset(
        Matter(Said(outcome), provider_id, amount, currency)
        for outcome, provider_id, amount, currency in columns
    )


def sight(payment: Payment, cases: Iterable[Case]) -> str:
    """Return a mark of what there is to judge of a payment; it changes with any of it."""
    parts = [str(payment.version), payment.review_reason]
    for case in cases:
        parts += sorted(f"{case.operation.id} {matter}" for matter in case.matters())
    said = DisputeFact.objects.filter(dispute__payment=payment).values_list("dispute_id", "said")
    parts += sorted(f"{dispute_id} {what}" for dispute_id, what in said.distinct())
    return sha256("\n".join(parts).encode()).hexdigest()[:32]
