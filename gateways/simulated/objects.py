"""What the simulator's charges and refunds mean, in our words.

One charge there is several operations of ours: what had the money held, what took it, and what let
it go. The charge's own status and references tell which of them happened, and whose they were.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from core.addresses import ADDRESS_LENGTH
from gateways.base import (
    ACTION_EXPIRED,
    ACTION_TAKEN,
    Kind,
    Outcome,
    OutcomeKind,
    Sighting,
    UnexpectedAnswer,
)

TEXT_LENGTH_MAX = 255
NOT_HELD = "not_authorized"

_REFUNDS = {
    "succeeded": OutcomeKind.SUCCEEDED,
    "failed": OutcomeKind.DECLINED,
    "pending": OutcomeKind.PENDING,
}
_HELD, _TAKEN = "authorized", "captured"
# What a charge ends in that is let go, and why, if nothing was held yet.
_LET_GO = {
    "voided": ("canceled", "let go before anything was held"),
    "expired": (ACTION_EXPIRED, "the payer's time is over"),
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads objects; ``account`` is the one that has to stand in them."""

    account: str

    def sightings(self, content: Any) -> list[Sighting]:
        """Return everything that an object tells of, its latest news last.

        :raises UnexpectedAnswer: if it is none that we know
        """
        if text(content, "object") == "refund":
            return [self._refund(content)]
        return list(self._of_charge(content))

    def _refund(self, content: dict[str, Any]) -> Sighting:
        kind = _REFUNDS.get(text(content, "status"))
        if kind is None:
            raise _unknown(content)
        return Sighting(
            kind="refund",
            outcome=self._outcome(kind, content, "amount"),
            reference=text(content, "reference"),
            charge_reference=text(content, "charge_reference"),
        )

    def _of_charge(self, content: dict[str, Any]) -> Iterator[Sighting]:
        named = (text(content, "object"), text(content, "status"))
        if named[0] != "charge":
            raise _unknown(content)
        reference = text(content, "reference")
        yield Sighting(kind="charge", outcome=self._charged(content), reference=reference)
        done: tuple[Kind, str, str] | None = None
        if _is_manual(content) and named[1] == _TAKEN:
            done = ("capture", "capture_reference", "captured_amount")
        elif named[1] == "voided" or (named[1] == "expired" and content.get("authorized") is True):
            done = ("void", "void_reference", "amount")
        if done:
            kind, by, amount = done
            yield Sighting(
                kind=kind,
                outcome=self._outcome(OutcomeKind.SUCCEEDED, content, amount),
                reference=_text_or_nothing(content, by),
                charge_reference=reference,
            )

    def _charged(self, content: dict[str, Any]) -> Outcome:
        """Return what the charge itself came to: money taken, or held for us."""
        status = text(content, "status")
        if status in {"pending", "requires_action"}:
            return _before_or_after_action(
                self._outcome(OutcomeKind.PENDING, content, "amount"), content
            )
        if status == "failed":
            return self._outcome(OutcomeKind.DECLINED, content, "amount")
        if _is_manual(content) and (status == _TAKEN or content.get("authorized") is True):
            return self._outcome(OutcomeKind.SUCCEEDED, content, "amount")
        if status == _TAKEN:
            return self._outcome(OutcomeKind.SUCCEEDED, content, "captured_amount")
        if status in _LET_GO:
            declined = self._outcome(OutcomeKind.DECLINED, content, "amount")
            return _because(declined, *_LET_GO[status])
        raise _unknown(content)

    def _outcome(self, kind: OutcomeKind, content: dict[str, Any], amount: str) -> Outcome:
        account = text(content, "account")
        failure = content.get("failure")
        is_refused = text(content, "status") == "failed"
        return Outcome(
            kind=kind,
            provider_id=text(content, "id"),
            amount=amount_of(content, amount),
            currency=text(content, "currency"),
            account="" if account == self.account else account,
            code=text(failure, "code") if is_refused else "",
            message=text(failure, "message") if is_refused else "",
        )


def not_held(seen: Sighting) -> Outcome:
    """Return the answer for a capture or void of ours when something else was done to the hold."""
    done = Outcome(
        kind=OutcomeKind.DECLINED,
        provider_id="",
        account=seen.outcome.account,
    )
    return _because(done, NOT_HELD, f"the charge has another {seen.kind}")


def _because(outcome: Outcome, code: str, message: str) -> Outcome:
    return Outcome(
        kind=outcome.kind,
        provider_id=outcome.provider_id,
        amount=outcome.amount,
        currency=outcome.currency,
        account=outcome.account,
        code=code,
        message=message,
    )


def _before_or_after_action(pending: Outcome, content: dict[str, Any]) -> Outcome:
    """Say what the payer has to do, or has done, if that is why a charge is pending."""
    action = content.get("action")
    if text(content, "status") == "requires_action":
        url = text(action, "url", ADDRESS_LENGTH)
        return replace(pending, kind=OutcomeKind.REQUIRES_ACTION, action_url=url)
    if not isinstance(action, dict) or action.get("taken_at") is None:
        return pending
    return replace(pending, code=ACTION_TAKEN, action_url=text(action, "url", ADDRESS_LENGTH))


def text(content: Any, member: str, limit: int = TEXT_LENGTH_MAX) -> str:
    """Return a member that has to be a short text.

    :raises UnexpectedAnswer: if it is not
    """
    value = content.get(member) if isinstance(content, dict) else None
    if not _is_short_text(value, limit):
        message = f"{member} is not a short text"
        raise UnexpectedAnswer(message)
    return value


def _text_or_nothing(content: dict[str, Any], member: str) -> str:
    return "" if content.get(member) is None else text(content, member)


def _is_short_text(value: Any, limit: int) -> TypeGuard[str]:
    # Unprintable covers NUL and lone surrogates, which no database column takes.
    return isinstance(value, str) and 0 < len(value) <= limit and value.isprintable()


def _is_manual(content: dict[str, Any]) -> bool:
    return content.get("capture_method") == "manual"


def amount_of(content: dict[str, Any], member: str) -> int:
    """Return a member that has to be an amount in minor units.

    :raises UnexpectedAnswer: if it is not
    """
    value = content.get(member)
    if type(value) is not int or value <= 0:
        message = f"{member} is not an amount"
        raise UnexpectedAnswer(message)
    return value


def _unknown(content: dict[str, Any]) -> UnexpectedAnswer:
    named = (content.get("object"), content.get("status"))
    return UnexpectedAnswer(f"nothing that we know: {named}")
