"""How messages end: settled in a group, or one by one, or fenced, failed, dead.

A group is one transaction. If it fails, each message is settled alone, so that one bad message
never spoils its neighbours. An answer is never thrown away: whoever may no longer settle, or
cannot, stores it as a fact in a transaction of its own.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection

from core.db import needs_transaction, transaction
from core.kill_points import reached
from core.logging import get_logger
from core.metrics import FENCE_REJECTIONS, MESSAGES_DEAD, MESSAGES_SETTLED, SETTLE_RETRIES
from dispatcher.database import TROUBLE
from outbox import delivery
from outbox.handling import Again, Completion, Done, Handler, Started

log = get_logger(__name__)

Answered = tuple[Started, Any]

FAILURE_SECONDS_MAX = 3600
DOUBLINGS_MAX = 12
RETRY_SECONDS = 0.25


def settle(handler: Handler, answers: Sequence[Answered], lease_end: float) -> None:
    """Write down answers and complete their messages, whatever it takes.

    No message's trouble leaves this function: the answers of the others are still in hand.
    """
    give_up = lease_end + settings.SETTLE_PATIENCE.total_seconds()
    broken = [pair for pair in answers if isinstance(pair[1], Exception)]
    _each(broken, partial(_fail, handler), give_up)
    good: Sequence[Answered] = [pair for pair in answers if not isinstance(pair[1], Exception)]
    if len(good) > 1:
        good = _settle_together(handler, good, give_up)
    _each(good, partial(_settle_one, handler, give_up), give_up)


def _each(answers: Sequence[Answered], act: Callable[[Answered], None], give_up: float) -> None:
    """Act on one after the other, and once more on those for which the database failed."""
    waiting = deque(answers)
    while waiting:
        one = waiting.popleft()
        try:
            act(one)
        except TROUBLE as error:
            _recover(error, 1)
            if time.monotonic() < give_up:
                waiting.append(one)
                time.sleep(RETRY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            else:
                # The lease brings the message back, and its attempt asks again where it can.
                log.exception("answer.lost", message_id=str(one[0].id), answer=repr(one[1]))
        except Exception:
            log.exception("answer.lost", message_id=str(one[0].id), answer=repr(one[1]))


def _recover(error: Exception, messages: int) -> None:
    connection.close()
    SETTLE_RETRIES.inc()
    log.warning("settle.retried", messages=messages, error=type(error).__name__)


def _settle_together(
    handler: Handler, answers: Sequence[Answered], give_up: float
) -> Sequence[Answered]:
    """Settle answers in one transaction; return them if that failed."""
    try:
        fenced = _settle_group(handler, answers)
    except TROUBLE as error:
        _recover(error, len(answers))
        return answers
    except Exception as error:  # noqa: BLE001 - each is tried alone, and recorded
        log.warning("group.taken_apart", messages=len(answers), error=repr(error))
        return answers
    _keep(handler, fenced, give_up)
    return []


def _settle_one(handler: Handler, give_up: float, one: Answered) -> None:
    try:
        fenced = _settle_group(handler, [one])
    except TROUBLE:
        raise
    except Exception as error:
        log.exception("message.settle_failed", message_id=str(one[0].id))
        _keep(handler, [one], give_up)
        _each([(one[0], error)], partial(_fail, handler), give_up)
    else:
        _keep(handler, fenced, give_up)


def _settle_group(handler: Handler, answers: Sequence[Answered]) -> list[Answered]:
    """Settle answers in one transaction; return those whose messages are ours no more."""
    reached("worker.before_settle")
    with transaction():
        # Payments first, then outbox rows, then the ledger: the same order everywhere.
        case = handler.load([message.subject_id for message, _ in answers])
        ours = delivery.lock_ours([message.ticket for message, _ in answers])
        reached("worker.after_fence")
        mine = [pair for pair in answers if pair[0].id in ours]
        ends = handler.settle(case, mine)
        finished = {message: ends[message.id] for message, _ in mine}
        _complete(handler, case, finished)
        reached("worker.settle_uncommitted")
    reached("worker.after_settle")
    report(handler, case, finished)
    fenced = [pair for pair in answers if pair[0].id not in ours]
    if fenced:
        FENCE_REJECTIONS.inc(len(fenced))
        for message, _ in fenced:
            log.warning("message.fenced", message_id=str(message.id), epoch=message.epoch)
    return fenced


@needs_transaction
def _complete(handler: Handler, case: Any, ends: Mapping[Started, Completion]) -> None:
    dead = {
        message: end
        for message, end in ends.items()
        if isinstance(end, Again) and end.spends and message.failures + 1 >= message.max_attempts
    }
    delivery.complete({m.ticket: end for m, end in ends.items() if m not in dead})
    if dead:
        delivery.end_dead({message.ticket: end.error for message, end in dead.items()})
        handler.bury(case, list(dead), "its attempts are used up")
        MESSAGES_DEAD.inc(len(dead))
        for message in dead:
            log.error("message.dead", message_id=str(message.id), kind=message.kind)


def _keep(handler: Handler, answers: Sequence[Answered], give_up: float) -> None:
    """Store answers as facts first, and what they mean second, so that neither loses the other."""
    _each(answers, partial(_keep_one, handler), give_up)


def _keep_one(handler: Handler, one: Answered) -> None:
    subjects = [one[0].subject_id]
    with transaction():
        handler.record(handler.load(subjects), [one])
        reached("worker.fact_uncommitted")
    reached("worker.after_fact")
    with transaction():
        handler.refold(handler.load(subjects), [one[0]])
        reached("worker.refold_uncommitted")


def _fail(handler: Handler, one: Answered) -> None:
    """Spend one of a message's attempts on an error of ours."""
    message, error = one
    try:
        with transaction():
            case = handler.load([message.subject_id])
            if delivery.lock_ours([message.ticket]):
                _complete(handler, case, {message: _again(message, error)})
            reached("worker.fail_uncommitted")
        reached("worker.after_fail")
    except TROUBLE:
        raise
    except Exception:
        # What cannot be read or buried is counted, and stays: nobody could be told of its death.
        log.exception("message.fail_failed", message_id=str(message.id))
        with transaction():
            if delivery.lock_ours([message.ticket]):
                delivery.complete({message.ticket: _again(message, error)})


def _again(message: Started, error: Exception) -> Again:
    # A message that nobody can bury fails for ever; its power of two must not.
    doubled = 2.0 ** min(message.failures, DOUBLINGS_MAX)
    seconds = min(doubled, FAILURE_SECONDS_MAX) * random.uniform(0.8, 1.2)  # noqa: S311
    return Again(
        timedelta(seconds=seconds), "error", spends=True, error=f"{type(error).__name__}: {error}"
    )


def report(handler: Handler, case: Any, ends: Mapping[Started, Completion]) -> None:
    """Log and count what became of messages, one line each."""
    for message, end in ends.items():
        MESSAGES_SETTLED.labels(message.kind, end.result).inc()
        log.info(
            "message.done" if isinstance(end, Done) else "message.again",
            result=end.result,
            kind=message.kind,
            lane=message.lane,
            message_id=str(message.id),
            request_id=message.trace,
            epoch=message.epoch,
            starts=message.starts,
            **handler.describe(case, message.subject_id),
        )
