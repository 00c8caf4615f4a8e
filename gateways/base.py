"""What a gateway is: six verbs and a closed set of answers (docs/adding-a-gateway.md).

Plain values only: a gateway never sees a model, and nothing here knows a provider.
Amounts are integers in minor units beside their ISO 4217 currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

# Part of the contract, as all that is named so here.
from gateways.deadline import Deadline as Deadline  # noqa: PLC0414
from gateways.disputes import DisputeNotice
from gateways.requests import Capture as Capture  # noqa: PLC0414
from gateways.requests import Charge as Charge  # noqa: PLC0414
from gateways.requests import Kind as Kind  # noqa: PLC0414
from gateways.requests import Query as Query  # noqa: PLC0414
from gateways.requests import Refund as Refund  # noqa: PLC0414
from gateways.requests import Send as Send  # noqa: PLC0414
from gateways.requests import Void as Void  # noqa: PLC0414

# The code of a DECLINED charge whose payer's time ran out; it says more than any other.
ACTION_EXPIRED = "action_expired"
# The code of a PENDING charge whose payer did what was asked: no more waiting for that.
ACTION_TAKEN = "action_taken"


class OutcomeKind(StrEnum):
    """Everything a provider can have said to one request."""

    SUCCEEDED = "succeeded"  # money moved, or is held for us, or was let go: as asked
    DECLINED = "declined"  # final answer to this request: it will not move
    PENDING = "pending"  # accepted; the result follows by webhook or look-up
    REQUIRES_ACTION = "requires_action"  # the payer must go to ``action_url``
    NOT_SENT = "not_sent"  # certainly no effect: the provider never took the request
    UNKNOWN = "unknown"  # it may have had an effect; only asking can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a provider said, in our words.

    ``account`` is the account that it names, if that is another one than we asked.
    ``stored_answer`` marks what may have been kept under the key since an earlier request: old
    news, not a state, so the caller goes on to ``find``. A success never carries it.
    """

    kind: OutcomeKind
    provider_id: str = ""
    amount: int | None = None
    currency: str = ""
    account: str = ""
    code: str = ""
    message: str = ""
    action_url: str = ""
    retry_after_seconds: float | None = None
    stored_answer: bool = False

    def __post_init__(self) -> None:
        if self.kind is OutcomeKind.SUCCEEDED and not (
            self.provider_id and self.amount is not None and self.currency
        ):
            message = "a success names its object, amount and currency"
            raise ValueError(message)
        if self.kind is OutcomeKind.REQUIRES_ACTION and not self.action_url:
            message = "an action needs the address where the payer takes it"
            raise ValueError(message)


def succeeded(provider_id: str, amount: int, currency: str) -> Outcome:
    """Return the outcome of money that moved, or is held, or was let go."""
    return Outcome(
        kind=OutcomeKind.SUCCEEDED, provider_id=provider_id, amount=amount, currency=currency
    )


def declined(code: str, message: str = "", *, provider_id: str = "") -> Outcome:
    """Return the outcome of a final no."""
    return Outcome(kind=OutcomeKind.DECLINED, provider_id=provider_id, code=code, message=message)


def pending(provider_id: str = "") -> Outcome:
    """Return the outcome of a request whose result will follow."""
    return Outcome(kind=OutcomeKind.PENDING, provider_id=provider_id)


def requires_action(action_url: str, provider_id: str = "") -> Outcome:
    """Return the outcome of a request that waits for the payer."""
    return Outcome(kind=OutcomeKind.REQUIRES_ACTION, provider_id=provider_id, action_url=action_url)


def not_sent(code: str, message: str = "", *, retry_after_seconds: float | None = None) -> Outcome:
    """Return the outcome of a request that certainly had no effect."""
    return Outcome(
        kind=OutcomeKind.NOT_SENT,
        code=code,
        message=message,
        retry_after_seconds=retry_after_seconds,
    )


def unknown(code: str, message: str = "") -> Outcome:
    """Return the outcome of a request that may have had an effect."""
    return Outcome(kind=OutcomeKind.UNKNOWN, code=code, message=message)


class NotSent(Exception):
    """The request certainly had no effect: no connection, a breaker, "not processed" (429)."""

    def __init__(
        self, message: str, *, code: str = "not_sent", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_seconds = retry_after_seconds


class AnswerLost(Exception):
    """The request may have had an effect: a time-out, a cut connection, a 5xx."""

    def __init__(self, message: str, *, code: str = "answer_lost") -> None:
        super().__init__(message)
        self.code = code


class UnexpectedAnswer(Exception):
    """The provider said something this adapter does not know. It is never guessed."""


class SignatureInvalid(Exception):
    """A webhook that nobody with one of our secrets has signed."""


class SignatureStale(Exception):
    """A webhook signed rightly, too long ago or too far ahead."""


class NoticeMalformed(Exception):
    """A webhook signed rightly that says nothing we can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Money that a look-up saw besides what it asked for; the references are a ``Notice``'s."""

    kind: Kind
    outcome: Outcome
    reference: str
    charge_reference: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The provider knows the operation; this is how it stands there now.

    ``besides`` has money that moved again for it, and what was done to its charge without us:
    refunds, a capture, a void.
    """

    outcome: Outcome
    besides: tuple[Sighting, ...] = ()


@dataclass(frozen=True, slots=True)
class NotFound:
    """The provider does not know the operation (yet: soon after a call this proves nothing)."""

    besides: tuple[Sighting, ...] = ()


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The question itself got no answer, so nothing new is known."""

    code: str


Finding = Found | NotFound | Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A provider's webhook, verified, in our words. ``reference`` is what we sent as ours.

    ``charge_reference`` is, for all but a charge, what we sent as ours with the charge that it
    gives back, takes or lets go: somebody may have done so at the provider, without us.
    """

    event_id: str
    kind: Kind
    outcome: Outcome
    reference: str
    provider_id: str
    occurred_at: datetime
    charge_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do; the caller's duties follow from it.

    ``key_lifetime`` is how long the provider honours a key; None with ``keys`` means for ever.
    ``captures`` is a charge that only has money held, and its capture; ``voids`` lets go of one.
    """

    keys: bool
    key_lifetime: timedelta | None = None
    find: bool
    webhooks: bool
    captures: bool = False
    voids: bool = False


@runtime_checkable
class Gateway(Protocol):
    """An adapter to one provider. It holds configuration and connections, no state.

    Calls may run at once in many threads, and return or raise by the deadline.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def charge(self, charge: Charge, deadline: Deadline) -> Outcome:
        """Take money, or have it held.

        :raises NotSent: if there was certainly no effect
        :raises AnswerLost: if there may have been one
        """
        ...

    def capture(self, capture: Capture, deadline: Deadline) -> Outcome:
        """Take what is held; only called if it ``captures``.

        :raises NotSent: if there was certainly no effect
        :raises AnswerLost: if there may have been one
        """
        ...

    def void(self, void: Void, deadline: Deadline) -> Outcome:
        """Let go of what is held, or waits; only called if it ``voids``.

        :raises NotSent: if there was certainly no effect
        :raises AnswerLost: if there may have been one
        """
        ...

    def refund(self, refund: Refund, deadline: Deadline) -> Outcome:
        """Give money back.

        :raises NotSent: if there was certainly no effect
        :raises AnswerLost: if there may have been one
        """
        ...

    def find(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Look an operation up by our reference, changing nothing.

        :raises NotSent: if the question was not asked
        :raises AnswerLost: if the answer did not arrive
        """
        ...

    def read_webhook(
        self, headers: Mapping[str, str], body: bytes, now: float
    ) -> Notice | DisputeNotice:
        """Verify the raw body, then read it. ``now`` is the wall clock in Unix seconds.

        A provider without disputes says only that it returns a ``Notice``.

        :raises SignatureInvalid: if no active secret made the signature
        :raises SignatureStale: if its time is more than the tolerance away, before or after
        :raises NoticeMalformed: if the signature is right and the content is not readable
        """
        ...
