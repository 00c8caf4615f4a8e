"""What a handler is: small functions, *local, foreign, local*, or only *local*.

- ``load``     lock what the messages are about, in id order, and read it
- ``prepare``  decide what to ask, and write down that we are about to ask it
- ``call``     ask; no transaction is open, no model goes in or out
- ``settle``   write down the answer

``prepare`` and ``settle`` each run in one transaction for a whole group of messages. A handler
that asks nobody has only ``settle``, and its answers are None. ``record``, ``refold`` and ``bury``
are for messages that do not end as planned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the broker carries: which message, as of which claim."""

    id: UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class Started:
    """A message whose start we won."""

    id: UUID
    epoch: int
    kind: str
    lane: str
    subject_id: UUID
    starts: int
    failures: int
    max_attempts: int
    trace: str

    @property
    def ticket(self) -> Ticket:
        """Return the part that fences."""
        return Ticket(self.id, self.epoch)


@dataclass(frozen=True, slots=True)
class Done:
    """The message is over; its effects are in the same transaction."""

    result: str


@dataclass(frozen=True, slots=True)
class Again:
    """The message is to run again later.

    ``spends`` says whether this used up one of its attempts: a provider that has not decided yet
    does not.
    """

    delay: timedelta
    result: str
    spends: bool
    lane: str = ""
    error: str = ""


Completion = Done | Again


@dataclass(frozen=True, slots=True)
class Call:
    """A foreign call to make for a message; ``request`` is pure data."""

    request: Any


Plan = Call | Done | Again


class Handler(Protocol):
    """Carries out the messages of its kinds. ``subjects`` and ``messages`` are of one group."""

    kinds: frozenset[str]

    def load(self, subjects: Sequence[UUID]) -> Any:
        """Lock what the subjects belong to, in id order, and return what is known of it."""
        ...

    def describe(self, case: Any, subject_id: UUID) -> dict[str, str]:
        """Return the ids that log lines about this subject carry."""
        ...

    def settle(
        self, case: Any, answers: Sequence[tuple[Started, Any]]
    ) -> Mapping[UUID, Completion]:
        """Write down the answers and return what becomes of each message."""
        ...

    def record(self, case: Any, answers: Sequence[tuple[Started, Any]]) -> None:
        """Store answers as facts and nothing else: a fence guards rows, never facts."""
        ...

    def refold(self, case: Any, messages: Sequence[Started]) -> None:
        """Bring the subjects to what the facts mean, apart from their messages."""
        ...

    def bury(self, case: Any, messages: Sequence[Started], reason: str) -> None:
        """Follow up on messages that became dead in this transaction."""
        ...


@runtime_checkable
class CallingHandler(Handler, Protocol):
    """A handler that asks somebody else in between."""

    def prepare(self, case: Any, messages: Sequence[Started]) -> Mapping[UUID, Plan]:
        """Return a plan for each message id, having written down the calls it intends."""
        ...

    def call(self, request: Any, lease: float) -> Any:
        """Make the call; ``lease`` is the monotonic moment at which the message is ours no more."""
        ...
