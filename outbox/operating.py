"""What an operator may do to a message: only against the state and epoch they saw.

A done message is over: doing it again is a new operation. One in flight has a lease, which ends by
itself. Nothing is sent twice by a replay: a money message whose earlier call went unanswered asks
the provider first, whoever made it due.
"""

from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Case, F, When
from django.db.models.functions import Greatest, Now

from core import audit
from core.audit import ActRefused
from core.db import needs_transaction, transaction
from core.kill_points import reached
from outbox.models import Message, State

# Enough for the replay to be more than one try.
FRESH_ATTEMPTS = 5
ACTIVE = (State.PENDING, State.IN_FLIGHT, State.HELD)

_DUE_NOW: dict[str, Any] = {
    "state": State.PENDING,
    "available_at": Now(),
    "finished_at": None,
    "alone": False,
    "lapses": 0,
    "started_at": None,
    "worker": "",
    "max_attempts": Greatest(F("max_attempts"), F("failures") + FRESH_ATTEMPTS),
}
# One that waits to run alone keeps waiting, or it would be judged before its time.
_RELEASED: dict[str, Any] = {
    "state": State.PENDING,
    "available_at": Case(When(alone=True, then=Greatest(F("available_at"), Now())), default=Now()),
}
# Kinds whose waiting message ends when a dead one about the same subject is replayed, which then
# does its work, too. Or no dead charge could be replayed: its death leaves an inquiry.
GIVING_WAY: set[str] = set()
_SHOWN = ("state", "epoch", "available_at", "starts", "failures", "max_attempts")


def replay(message_id: UUID, *, epoch: int, state: int, actor: str, reason: str) -> str:
    """Make a waiting, held or dead message due now and return its lane.

    The epoch goes up, so that whoever still works on it is fenced.

    :raises ActRefused: if it is not as seen, is in flight or done, or if another message about the
        same subject is active and does not give way
    :raises ValueError: if nobody, or no reason, is named
    """
    _check(state, {State.PENDING, State.HELD, State.DEAD}, "replayed")
    try:
        return _act("message.replayed", message_id, epoch, state, _DUE_NOW, actor, reason)
    except IntegrityError:
        raise ActRefused(_in_the_way(message_id)) from None


def hold(message_id: UUID, *, epoch: int, state: int, actor: str, reason: str) -> str:
    """Keep a waiting message from running until it is released, and return its lane.

    :raises ActRefused: if it is not as seen, or does not wait
    :raises ValueError: if nobody, or no reason, is named
    """
    _check(state, {State.PENDING}, "held")
    return _act("message.held", message_id, epoch, state, {"state": State.HELD}, actor, reason)


def release(message_id: UUID, *, epoch: int, state: int, actor: str, reason: str) -> str:
    """Make a held message due now and return its lane.

    :raises ActRefused: if it is not as seen, or is not held
    :raises ValueError: if nobody, or no reason, is named
    """
    _check(state, {State.HELD}, "released")
    return _act("message.released", message_id, epoch, state, _RELEASED, actor, reason)


def word(state: int) -> str:
    """Return what people call a state; a form may name one that there is not."""
    return State(state).label.lower() if state in State.values else f"in state {state}"


@needs_transaction
def refuse_unless_as_seen(message_id: UUID, epoch: int, state: int) -> Message:
    """Lock a message that is as it was seen, and return it.

    :raises ActRefused: with what changed
    """
    seen = Message.objects.filter(id=message_id, epoch=epoch, state=state)
    found = seen.select_for_update(no_key=True).first()
    if found is None:
        raise ActRefused(_what_changed(message_id, epoch, state))
    return found


def _check(state: int, possible: set[State], what: str) -> None:
    if state in possible:
        return
    if state == State.IN_FLIGHT:
        message = f"one in flight cannot be {what}: its lease ends by itself, look again then"
    elif state == State.DONE:
        message = f"one that is done cannot be {what}: to do it again is a new operation"
    elif state not in State.values:
        message = f"no message is ever in state {state}"
    else:
        message = f"one that is {word(state)} cannot be {what}"
    raise ActRefused(message)


def _act(  # noqa: PLR0913, PLR0917 - what was seen, what is to be, and who wants it
    action: str,
    message_id: UUID,
    epoch: int,
    state: int,
    changed: dict[str, Any],
    actor: str,
    reason: str,
) -> str:
    with transaction():
        before = refuse_unless_as_seen(message_id, epoch, state)
        seen = Message.objects.filter(id=message_id, epoch=epoch, state=state)
        ended = _make_way(before) if before.state == State.DEAD else []
        if not seen.update(**changed, epoch=F("epoch") + 1):
            raise ActRefused(_what_changed(message_id, epoch, state))
        reached("admin.after_message")
        after = Message.objects.get(id=message_id)
        audit.record(
            actor=actor,
            action=action,
            subject_type="message",
            subject_id=message_id,
            reason=reason,
            before=_facts(before),
            after={**_facts(after), **({"ended": ended} if ended else {})},
        )
        reached("admin.act_uncommitted")
    reached("admin.after_act")
    return after.lane


def _make_way(message: Message) -> list[UUID]:
    """End what waits about the same subject and gives way; return that."""
    waiting = Message.objects.filter(
        subject_id=message.subject_id,
        kind__in=GIVING_WAY,
        state__in=[State.PENDING, State.HELD],
    )
    ended = [other.id for other in waiting.select_for_update(no_key=True).order_by("id")]
    Message.objects.filter(id__in=ended).update(
        state=State.DONE, finished_at=Now(), epoch=F("epoch") + 1
    )
    return ended


def _facts(message: Message) -> dict[str, Any]:
    facts = {name: getattr(message, name) for name in _SHOWN}
    return {**facts, "state": word(message.state)}


def _what_changed(message_id: UUID, epoch: int, state: int) -> str:
    now = Message.objects.filter(id=message_id).first()
    if now is None:
        return "it is gone: it was done, and is no longer kept"
    text = f"you saw it {word(state)} at epoch {epoch}; it is {word(now.state)} at epoch"
    text = f"{text} {now.epoch} now"
    if now.state == State.IN_FLIGHT and now.started_at:
        return f"{text}, started by worker {now.worker}"
    return text


def _in_the_way(message_id: UUID) -> str:
    subject = Message.objects.filter(id=message_id).values("subject_id")
    other = Message.objects.filter(subject_id__in=subject, state__in=ACTIVE).first()
    if other is None:
        return "another message about the same subject was active just now; look again"
    return (
        f"another message about the same subject goes on with it: the {other.kind} message"
        f" {other.id}, which is {word(other.state)}"
    )
