"""What may be done to messages and payments, and what each act does, in a sentence."""

from collections.abc import Callable, Sequence
from typing import Any

from core.desk.acts import Deed, Order, refusing
from outbox import operating
from outbox.models import Message, State
from outbox.waking import wake
from payments.operating import end_review, inquire, unresolved

_MAY_BE_DUE = frozenset({State.PENDING, State.HELD, State.DEAD})
_Operate = Callable[..., str]


def _done_to_message(operate: _Operate, done: str) -> Callable[[Order], str]:
    """Return what carries an act on a message out, and hints to a dispatcher after the commit."""

    def carry_out(order: Order) -> str:
        lane = operate(
            order.id,
            epoch=order.seen["epoch"],
            state=order.seen["state"],
            actor=order.actor,
            reason=order.reason,
        )
        wake(lane)
        return done

    return refusing(carry_out)


def _is_in(*states: State) -> Callable[[Any], bool]:
    return lambda message: message.state in states


def replayable(messages: Sequence[Message]) -> list[Message]:
    """Return those that may be replayed: where money may have moved, one asks instead."""
    stopped = [one for one in messages if one.state in _MAY_BE_DUE]
    in_doubt = unresolved(one.subject_id for one in stopped)
    return [one for one in stopped if one.subject_id not in in_doubt]


def _may_inquire(message: Message) -> bool:
    is_waiting = message.state in {State.PENDING, State.DEAD}
    return is_waiting and bool(unresolved([message.subject_id]))


def _end_review(order: Order) -> str:
    end_review(
        order.id,
        version=order.seen["version"],
        seen_as=order.seen["sight"],
        actor=order.actor,
        reason=order.reason,
    )
    return "The review is ended."


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
INQUIRE = Deed(
    name="inquire",
    label="Inquire",
    explanation="Asks the provider now what became of the call that went unanswered. Nothing is"
    " sent twice: it is asked by the same key, or by our reference.",
    permission="payments.inquire_payment",
    is_offered=_may_inquire,
    carry_out=_done_to_message(inquire, "The provider is being asked."),
)
MESSAGE_DEEDS = (INQUIRE, REPLAY, HOLD, RELEASE)
END_REVIEW = Deed(
    name="end-review",
    label="End review",
    explanation="Says that a person has looked at all that is known by now. It moves no money and"
    " changes no status, and whatever is new asks for a person again.",
    permission="payments.end_review",
    is_offered=lambda payment: payment.needs_review,
    carry_out=refusing(_end_review),
)
