"""What may be done to messages and payments, and what each act does, in a sentence."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from core.audit import ActRefused
from core.desk.acts import Deed, Order, Refused
from outbox import operating
from outbox.models import Message, State
from outbox.waking import wake
from payments.facts import Said
from payments.models import Attempt, AttemptKind

_Operate = Callable[..., str]


def _done_to_message(operate: _Operate, done: str) -> Callable[[Order], str]:
    """Return what carries an act on a message out, and hints to a dispatcher after the commit."""

    def carry_out(order: Order) -> str:
        try:
            lane = operate(
                order.id,
                epoch=order.seen["epoch"],
                state=order.seen["state"],
                actor=order.actor,
                reason=order.reason,
            )
        except ActRefused as refused:
            raise Refused(str(refused)) from None
        wake(lane)
        return done

    return carry_out


def _is_in(*states: State) -> Callable[[Any], bool]:
    return lambda message: message.state in states


def unresolved(messages: Iterable[Message]) -> set[UUID]:
    """Return the subjects of those whose call may have moved money, and nobody knows."""
    sends = Attempt.objects.filter(
        operation__in=[message.subject_id for message in messages],
        kind=AttemptKind.SEND,
        outcome__in=[Said.NOTHING_YET, Said.UNKNOWN],
    )
    return set(sends.values_list("operation_id", flat=True))


def replayable(messages: Sequence[Message]) -> list[Message]:
    """Return those that may be replayed: a dead one whose money may have moved is asked about."""
    dead = [message for message in messages if message.state == State.DEAD]
    in_doubt = unresolved(dead)
    return [
        message
        for message in messages
        if message.state in {State.PENDING, State.HELD}
        or (message.state == State.DEAD and message.subject_id not in in_doubt)
    ]


REPLAY = Deed(
    name="replay",
    label="Replay",
    explanation="Makes the message due now and gives it attempts to spend. Nothing is sent twice:"
    " where an earlier call went unanswered, the provider is asked first, by the same key.",
    permission="outbox.replay_message",
    is_offered=lambda message: bool(replayable([message])),
    carry_out=_done_to_message(operating.replay, "The message is due now."),
)
HOLD = Deed(
    name="hold",
    label="Hold",
    explanation="Keeps the message from running until somebody releases it. What was sent before"
    " stays sent, and the provider's webhooks are still heard.",
    permission="outbox.hold_message",
    is_offered=_is_in(State.PENDING),
    carry_out=_done_to_message(operating.hold, "The message is held."),
)
RELEASE = Deed(
    name="release",
    label="Release",
    explanation="Lets the message go on, due now, as if it had never been held.",
    permission="outbox.release_message",
    is_offered=_is_in(State.HELD),
    carry_out=_done_to_message(operating.release, "The message is released."),
)
MESSAGE_DEEDS = (REPLAY, HOLD, RELEASE)
