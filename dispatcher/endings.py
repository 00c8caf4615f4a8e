"""How messages end: settled in a group, or one by one, or fenced, failed, dead.

A group is one transaction. If it fails, each message is settled alone, so that one bad message
never spoils its neighbours. An answer is never thrown away: whoever may no longer settle, or
cannot, stores it as a fact in a transaction of its own.
"""

import random
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from core.db import needs_transaction, transaction
from core.logging import get_logger
from core.metrics import FENCE_REJECTIONS, MESSAGES_DEAD, MESSAGES_SETTLED, SETTLE_RETRIES
from outbox import delivery
from outbox.handling import Again, Completion, Done, Handler, Started

log = get_logger(__name__)

Answered = tuple[Started, Any]

FAILURE_SECONDS_MAX = 3600
RETRY_SECONDS = 0.25


def settle(handler: Handler, answers: Sequence[Answered], lease_end: float) -> None:
    """Write down answers and complete their messages, whatever it takes."""
    broken = [(message, answer) for message, answer in answers if isinstance(answer, Exception)]
    for message, error in broken:
        _fail_alone(handler, message, error)
    good = [pair for pair in answers if not isinstance(pair[1], Exception)]
    if good:
        _settle_good(handler, good, lease_end + settings.SETTLE_PATIENCE.total_seconds())


def _settle_good(handler: Handler, answers: Sequence[Answered], give_up: float) -> None:
    try:
        _settle_group(handler, answers)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        SETTLE_RETRIES.inc()
        log.warning("settle.retried", messages=len(answers), error=type(error).__name__)
        if time.monotonic() > give_up:
            raise  # the lease brings the messages back, and the attempts ask again
        time.sleep(RETRY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        for one in answers:
            _settle_good(handler, [one], give_up)
    except Exception as error:
        if len(answers) > 1:
            log.warning("group.taken_apart", messages=len(answers), error=repr(error))
            for one in answers:
                _settle_good(handler, [one], give_up)
        else:
            log.exception("message.settle_failed", message_id=str(answers[0][0].id))
            _keep(handler, answers)
            _fail_alone(handler, answers[0][0], error)


def _settle_group(handler: Handler, answers: Sequence[Answered]) -> None:
    with transaction():
        # Payments first, then outbox rows, then the ledger: the same order everywhere.
        case = handler.load([message.subject_id for message, _ in answers])
        ours = delivery.lock_ours([message.ticket for message, _ in answers])
        mine = [pair for pair in answers if pair[0].id in ours]
        ends = handler.settle(case, mine)
        finished = {message: ends[message.id] for message, _ in mine}
        _complete(handler, case, finished)
    report(handler, case, finished)
    fenced = [pair for pair in answers if pair[0].id not in ours]
    if fenced:
        FENCE_REJECTIONS.inc(len(fenced))
        for message, _ in fenced:
            log.warning("message.fenced", message_id=str(message.id), epoch=message.epoch)
        _keep(handler, fenced)


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


def _keep(handler: Handler, answers: Sequence[Answered]) -> None:
    """Store answers as facts first, and what they mean second, so that neither loses the other."""
    subjects = [message.subject_id for message, _ in answers]
    try:
        with transaction():
            handler.record(handler.load(subjects), answers)
        with transaction():
            handler.refold(handler.load(subjects), [message for message, _ in answers])
    except Exception:
        log.exception("answer.not_kept", messages=[str(message.id) for message, _ in answers])


def _fail_alone(handler: Handler, message: Started, error: Exception) -> None:
    with transaction():
        case = handler.load([message.subject_id])
        if delivery.lock_ours([message.ticket]):
            fail(handler, case, message, error)


@needs_transaction
def fail(handler: Handler, case: Any, message: Started, error: Exception) -> None:
    """Spend one of a message's attempts on an error of ours."""
    seconds = min(2.0**message.failures, FAILURE_SECONDS_MAX) * random.uniform(0.8, 1.2)  # noqa: S311
    text = f"{type(error).__name__}: {error}"
    end = Again(timedelta(seconds=seconds), "error", spends=True, error=text)
    _complete(handler, case, {message: end})


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
