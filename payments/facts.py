"""What is known of an operation, folded into what it means. Pure: no database, no clock.

State is a fold over the *set* of facts, so the order in which answers and webhooks arrive, and how
often, cannot matter. Money that moved absorbs everything else said of the operation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

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
    """One thing said of an operation; ``is_send`` when the saying answered a send."""

    said: Said
    is_send: bool = False
    provider_id: str = ""
    amount: int | None = None
    currency: str = ""
    code: str = ""
    message: str = ""


class Meaning(StrEnum):
    """What the facts amount to."""

    NEVER_SENT = "never_sent"
    UNKNOWN = "unknown"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The meaning of the facts, and why a person should look, if one should."""

    meaning: Meaning
    provider_id: str = ""
    code: str = ""
    message: str = ""
    review: str = ""


def fold(facts: Iterable[Fact], *, amount: int, currency: str) -> Verdict:
    """Return what the facts mean for an operation over this amount (minor units)."""
    known = set(facts)
    moved = {fact for fact in known if fact.said is Said.SUCCEEDED}
    ours = {fact for fact in moved if (fact.amount, fact.currency) == (amount, currency)}
    review = _review(moved, ours)
    if ours:
        return Verdict(
            Meaning.SUCCEEDED, provider_id=min(f.provider_id for f in ours), review=review
        )
    if moved:
        # Money moved, but not what we asked for: never posted, never called failed.
        return Verdict(Meaning.UNKNOWN, review=review)
    return _without_success(known)


def _review(moved: set[Fact], ours: set[Fact]) -> str:
    if moved - ours:
        return "the provider reports another amount or currency than was asked for"
    if len({fact.provider_id for fact in ours}) > 1:
        return "the provider reports that the money moved twice"
    return ""


def _without_success(known: set[Fact]) -> Verdict:
    refused = [fact for fact in known if _is_final_no(fact)]
    if refused:
        first = min(refused, key=lambda fact: (fact.code, fact.message, fact.provider_id))
        if first.said is Said.NOT_FOUND:
            return Verdict(Meaning.FAILED, code="not_found_at_provider", message=_NEVER_ARRIVED)
        return Verdict(
            Meaning.FAILED,
            provider_id=first.provider_id,
            code=first.code or "declined",
            message=first.message,
        )
    if any(fact.said in {Said.PENDING, Said.REQUIRES_ACTION} for fact in known):
        waiting = max(
            f.provider_id for f in known if f.said in {Said.PENDING, Said.REQUIRES_ACTION}
        )
        return Verdict(Meaning.WAITING, provider_id=waiting)
    if any(fact.is_send and fact.said in {Said.UNKNOWN, Said.NOTHING_YET} for fact in known):
        return Verdict(Meaning.UNKNOWN)
    return Verdict(Meaning.NEVER_SENT)


_NEVER_ARRIVED = "The provider never received the request, and nobody can send it any more."


def _is_final_no(fact: Fact) -> bool:
    if fact.said is Said.DECLINED:
        return True
    return fact.said is Said.NOT_FOUND and fact.code == NOBODY_CAN_SEND
