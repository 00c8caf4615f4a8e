"""What is known of an operation, folded into what it means. Pure: no database, no clock.

State is a fold over the *set* of facts, so the order in which answers and webhooks arrive, and how
often, cannot matter. Money that moved absorbs everything else said of the operation.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from gateways.base import ACTION_EXPIRED, ACTION_TAKEN

NOBODY_CAN_SEND = "nobody_can_send"


class Said(StrEnum):
    """Everything that can have been said of an operation, and the silence after a send."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    NOT_FOUND = "not_found"
    NOTHING_YET = ""  # intended, not answered


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing said of an operation.

    ``account`` is the one it names, if that is another one than was asked.
    ``is_send`` when it answered, or did not answer, a send; ``is_notice`` when a webhook said it.
    ``action_url`` is where the payer has to act, or has acted; of several the last one counts, by
    ``said_as``, the id of what said it.
    """

    said: Said
    is_send: bool = False
    is_notice: bool = False
    provider_id: str = ""
    amount: int | None = None
    currency: str = ""
    account: str = ""
    code: str = ""
    message: str = ""
    action_url: str = ""
    said_as: str = ""


@dataclass(frozen=True, slots=True)
class Matter:
    """What a person has to judge of a fact: money moved, or a refusal of other money.

    Whoever said it, and in whatever words.
    """

    said: Said
    provider_id: str
    amount: int | None
    currency: str


class Meaning(StrEnum):
    """What the facts amount to."""

    NEVER_SENT = "never_sent"
    UNKNOWN = "unknown"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Review(StrEnum):
    """Why the facts themselves call for a person, whatever comes later."""

    NONE = ""
    OTHER_MONEY = "the provider reports another amount or currency than was asked for"
    OTHER_ACCOUNT = "the provider names another account than was asked"
    MOVED_TWICE = "the provider reports that the money moved twice"
    OVERDRAWN = "the provider refunded more than was captured"
    TAKEN_AND_LET_GO = "the provider reports the money both taken and let go"
    HELD_ALTHOUGH_CANCELED = "the provider holds the money of a payment that was cancelled"
    DISPUTE_UNCAPTURED = "the provider tells of a dispute over a payment that captured nothing"
    DISPUTE_BEYOND = "the provider tells of disputes over more than was captured"
    DISPUTE_BOTH = "the provider says of a dispute that it is won, and that it is lost"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The meaning of the facts, and why a person should look, if one should.

    ``moved`` has the provider's id of every movement of this money: more than one is too many.
    ``action_url`` is where it waits for the payer, if it does.
    """

    meaning: Meaning
    provider_id: str = ""
    code: str = ""
    message: str = ""
    review: Review = Review.NONE
    moved: frozenset[str] = frozenset()
    action_url: str = ""

    @property
    def waits_for_payer(self) -> bool:
        """Tell whether it waits for the payer, and for nobody else."""
        return bool(self.action_url)

    @property
    def ran_out(self) -> bool:
        """Tell whether it failed because the payer's time ran out."""
        return self.meaning is Meaning.FAILED and self.code == ACTION_EXPIRED


def fold(facts: Iterable[Fact], *, amount: int, currency: str) -> Verdict:
    """Return what the facts mean for an operation over this amount (minor units)."""
    known = set(facts)
    moved = {fact for fact in known if fact.said is Said.SUCCEEDED}
    strange = {fact for fact in known if _is_strange(fact, amount, currency)}
    ours = moved - strange
    review = _review(strange, ours)
    if ours:
        ids = frozenset(fact.provider_id for fact in ours)
        return Verdict(Meaning.SUCCEEDED, provider_id=min(ids), review=review, moved=ids)
    if moved:
        # Money moved, but not what we asked for: never posted, never called failed.
        return Verdict(Meaning.UNKNOWN, review=review)
    return replace(_without_success(known - strange, strange), review=review)


def matters(facts: Iterable[Fact], *, amount: int, currency: str) -> frozenset[Matter]:
    """Return what a person has to judge, if the facts call for one."""
    return frozenset(
        Matter(fact.said, fact.provider_id, fact.amount, fact.currency)
        for fact in facts
        if fact.said is Said.SUCCEEDED or _is_strange(fact, amount, currency)
    )


def _is_strange(fact: Fact, amount: int, currency: str) -> bool:
    """Tell whether a verdict is about other money, or from elsewhere, than we asked to move."""
    if fact.account:
        return True
    if fact.said is Said.SUCCEEDED:
        return (fact.amount, fact.currency) != (amount, currency)
    is_odd = fact.amount is not None and (fact.amount, fact.currency) != (amount, currency)
    return fact.said is Said.DECLINED and is_odd


def _review(strange: set[Fact], ours: set[Fact]) -> Review:
    if any(fact.account for fact in strange):
        return Review.OTHER_ACCOUNT
    if strange:
        return Review.OTHER_MONEY
    if len({fact.provider_id for fact in ours}) > 1:
        return Review.MOVED_TWICE
    return Review.NONE


def _without_success(known: set[Fact], strange: set[Fact]) -> Verdict:
    # A send that was answered about other money was sent all the same.
    is_in_doubt = any(
        f.is_send and (f in strange or f.said in {Said.UNKNOWN, Said.NOTHING_YET})
        for f in known | strange
    )
    waiting = [f for f in known if f.said in {Said.PENDING, Said.REQUIRES_ACTION}]
    # A webhook's no may be older than a send whose answer we lack: then the provider is asked.
    refused = [
        f
        for f in known
        if _is_final_no(f, has_it=bool(waiting)) and not (f.is_notice and is_in_doubt)
    ]
    if refused:
        first = min(refused, key=_first_no)
        if first.said is Said.NOT_FOUND:
            return Verdict(Meaning.FAILED, code="not_found_at_provider", message=_NEVER_ARRIVED)
        return Verdict(
            Meaning.FAILED,
            provider_id=first.provider_id,
            code=first.code or "declined",
            message=first.message,
        )
    if waiting:
        return Verdict(
            Meaning.WAITING,
            provider_id=max(f.provider_id for f in waiting),
            action_url=_action_url(waiting),
        )
    if is_in_doubt:
        return Verdict(Meaning.UNKNOWN)
    return Verdict(Meaning.NEVER_SENT)


def _first_no(fact: Fact) -> tuple[bool, str, str, str]:
    """That the payer's time ran out says more than any other no."""
    return fact.code != ACTION_EXPIRED, fact.code, fact.message, fact.provider_id


def _action_url(waiting: Iterable[Fact]) -> str:
    """Return where the payer still has to act, if anywhere.

    A plain *pending* may be older than the wish, so it ends none; that the payer acted is said as
    such, of one address or of all.
    """
    taken = {f.action_url for f in waiting if f.said is Said.PENDING and f.code == ACTION_TAKEN}
    asked = [f for f in waiting if f.said is Said.REQUIRES_ACTION]
    left = [f for f in asked if taken.isdisjoint({f.action_url, ""})]
    return max(left, key=lambda fact: (fact.said_as, fact.action_url)).action_url if left else ""


_NEVER_ARRIVED = "The provider never received the request, and nobody can send it any more."


def _is_final_no(fact: Fact, *, has_it: bool) -> bool:
    """A provider that said it has the request cannot be said never to have received it."""
    if fact.said is Said.DECLINED:
        return True
    return fact.said is Said.NOT_FOUND and fact.code == NOBODY_CAN_SEND and not has_it
