"""Disputes as providers tell of them: what was said, what it means, and what it forbids.

A dispute is known by its provider's id. Its state is a fold over the set of what was said of it,
so the order and the number of webhooks cannot matter; its terms are those that were said first.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from core.db import needs_transaction
from core.errors import Problem
from core.kill_points import reached
from core.money import MAX_AMOUNT
from gateways.disputes import DisputeSaid
from outbox import staging
from payments import bookkeeping, dispute_changes
from payments.cases import Case
from payments.changes import Changes
from payments.disputes import Dispute, DisputeFact
from payments.facts import Review
from payments.models import Operation, Payment
from payments.reviews import review
from payments.states import DisputeStatus, OperationState, Status

ELSEWHERE = "the provider has told of this dispute for another payment"
NAMELESS = "the provider has no id for this dispute"
BOTH = frozenset({DisputeSaid.WON, DisputeSaid.LOST})
# Of a charge that is settled without a capture the provider is asked at once; longer than it takes
# until that look is made (``dispatcher.housekeeping``), as the waits add up.
WAITS_MAX = 10


def fold(said: AbstractSet[DisputeSaid]) -> DisputeStatus:
    """Return what a dispute is by all that was said of it.

    Of both ends it is the one that leaves us without the money, until a person knows better.
    """
    if DisputeSaid.LOST in said:
        return DisputeStatus.LOST
    return DisputeStatus.WON if DisputeSaid.WON in said else DisputeStatus.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a provider said of a dispute, by the webhook that has this id.

    ``account`` is the one it names, if that is another one than ours.
    """

    id: UUID
    gateway: str
    provider_id: str
    said: DisputeSaid
    amount: int | None
    currency: str
    account: str = ""
    fee: int | None = None
    reason: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """Return what names the dispute."""
        return self.gateway, self.provider_id


@dataclass(slots=True)
class _Known:
    """A dispute with the payment it is about, and what was said of it."""

    dispute: Dispute
    said: set[DisputeSaid] = field(default_factory=set)
    ids: set[UUID] = field(default_factory=set)


def may_be_captured(charge: Case, starts: int) -> bool:
    """Tell whether a dispute came before we know of the capture, and the provider may yet say so.

    ``starts`` is how often that was asked.
    """
    payment = charge.payment
    if payment.amount_captured or payment.needs_review:
        return False
    is_open = any(one.state == OperationState.OPEN for one in charge.family)
    return is_open or starts <= WAITS_MAX


@needs_transaction
def ask_for_capture(charge: Case, now: datetime) -> None:
    """Have the provider asked at once what became of the charge, also a failed or held one."""
    staging.hasten([one.id for one in charge.family])
    states = [OperationState.FAILED]
    if charge.payment.status == Status.AUTHORIZED:
        states.append(OperationState.SUCCEEDED)  # what is let go already is looked at no more
    settled = Operation.objects.filter(
        id=charge.operation.id, state__in=states, first_sent_at__isnull=False
    )
    settled.update(recheck_at=now)


@needs_transaction
def take(seen: Sequence[tuple[Case, Told]], changes: Changes) -> dict[UUID, str]:
    """Store what was said of disputes, each with the case of the charge that it is about.

    Return, by id, why a person should look at it, if one should: that is not stored. Taking one
    twice changes nothing.
    """
    # Nearly always there is none, and nothing to ask the database for.
    known = _known([told for _, told in seen]) if seen else {}
    reasons = {}
    for charge, told in seen:
        payment, dispute = charge.payment, known.get(told.identity)
        if reason := _objection(payment, told, dispute):
            reasons[told.id] = reason
            review(payment, changes, reason)
            continue
        if dispute is None:
            dispute = known[told.identity] = _Known(_open(payment, told, changes))
        _learn(dispute, told, payment, changes)
    return reasons


def _known(seen: Sequence[Told]) -> dict[tuple[str, str], _Known]:
    found = Dispute.objects.filter(
        gateway__in={told.gateway for told in seen},
        provider_id__in={told.provider_id for told in seen},
    )
    by_id = {dispute.id: _Known(dispute) for dispute in found}
    for fact in DisputeFact.objects.filter(dispute__in=list(by_id)):
        by_id[fact.dispute_id].said.add(DisputeSaid(fact.said))
        by_id[fact.dispute_id].ids.add(fact.id)
    return {(one.dispute.gateway, one.dispute.provider_id): one for one in by_id.values()}


def _objection(payment: Payment, told: Told, known: _Known | None) -> str:
    if told.account:
        return Review.OTHER_ACCOUNT
    if known is None:
        return _objection_to_new(payment, told)
    dispute = known.dispute
    if dispute.payment_id != payment.id:
        return ELSEWHERE
    is_other_fee = None not in {told.fee, dispute.fee} and told.fee != dispute.fee
    is_other = (told.amount, told.currency) != (dispute.amount, dispute.currency)
    return Review.OTHER_MONEY if is_other or is_other_fee else ""


def _objection_to_new(payment: Payment, told: Told) -> str:
    if not told.provider_id:
        return NAMELESS
    is_bounded = told.amount is not None and 1 <= told.amount <= MAX_AMOUNT
    is_fee_bounded = told.fee is None or 1 <= told.fee <= MAX_AMOUNT
    if told.currency != payment.currency or not (is_bounded and is_fee_bounded):
        return Review.OTHER_MONEY
    if not payment.amount_captured:
        return Review.DISPUTE_UNCAPTURED
    taken = sum(amount for _, _, amount in _standing(payment))
    is_beyond = taken + (told.amount or 0) > payment.amount_captured
    return Review.DISPUTE_BEYOND if is_beyond else ""


def _open(payment: Payment, told: Told, changes: Changes) -> Dispute:
    dispute = Dispute(
        payment=payment,
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        gateway=told.gateway,
        provider_id=told.provider_id,
        amount=told.amount or 0,
        currency=payment.currency,
        fee=told.fee,
        reason=told.reason,
        opened_at=changes.now,
    )
    dispute.save(force_insert=True)
    changes.book(bookkeeping.dispute_opened(payment, dispute))
    if dispute.fee:
        changes.book(bookkeeping.dispute_fee(payment, dispute))
    dispute_changes.tell("dispute.opened", dispute, changes)
    reached("fold.after_dispute")
    return dispute


def _learn(known: _Known, told: Told, payment: Payment, changes: Changes) -> None:
    """Store what was said, and bring the dispute to what all of it means."""
    if told.id in known.ids:
        return
    known.ids.add(told.id)
    DisputeFact.objects.create(
        id=told.id,
        dispute=known.dispute,
        said=told.said.value,
        amount=told.amount or 0,
        currency=told.currency,
        fee=told.fee,
        reason=told.reason,
    )
    if dispute_changes.complete(known.dispute, fee=told.fee, reason=told.reason):
        changes.book(bookkeeping.dispute_fee(payment, known.dispute))
    if told.said in known.said:
        return
    known.said.add(told.said)
    _follow(known, told.id, payment, changes)
    if known.said >= BOTH:
        review(payment, changes, Review.DISPUTE_BOTH)


def _follow(known: _Known, fact_id: UUID, payment: Payment, changes: Changes) -> None:
    """Bring status, books and events to what was said."""
    dispute, before, after = known.dispute, known.dispute.status, fold(known.said)
    if after == before:
        return
    dispute_changes.move(dispute, after, changes, cause="dispute_fact", cause_id=fact_id)
    if after == DisputeStatus.WON:
        changes.book(bookkeeping.dispute_won(payment, dispute))
    else:
        was_won = before == DisputeStatus.WON
        changes.book(bookkeeping.dispute_lost(payment, dispute, late=was_won))
    dispute_changes.tell(f"dispute.{after.lower()}", dispute, changes)


def _standing(payment: Payment) -> list[tuple[UUID, str, int]]:
    """Return the payment's disputes whose money is not back with us; needs the payment's lock."""
    found = Dispute.objects.filter(~Q(status=DisputeStatus.WON), payment=payment).order_by("id")
    return list(found.values_list("id", "status", "amount"))


@needs_transaction
def lost(payment: Payment) -> int:
    """Return how much of a payment is gone for good by disputes; needs the payment's lock.

    :raises Problem: ``invalid-state`` while one is open
    """
    standing = _standing(payment)
    for dispute_id, status, _ in standing:
        if status == DisputeStatus.OPEN:
            raise Problem(
                "invalid-state",
                "The payment is disputed; it can be refunded once that is decided.",
                payment_status=str(payment.status),
                dispute=str(dispute_id),
            )
    return sum(amount for _, _, amount in standing)
