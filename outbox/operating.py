"""What an operator may do to a message: only against the state and epoch they saw.

A done message is over: doing it again is a new operation. One in flight has a lease, which ends by
itself. Nothing is sent twice by a replay: a money message whose earlier call went unanswered asks
the provider first, whoever made it due.
"""

from uuid import UUID

from django.db import IntegrityError

from core.db import rows, transaction
from core.logging import get_logger

log = get_logger(__name__)

# Enough for the replay to be more than one try.
FRESH_ATTEMPTS = 5

_REPLAY = """
    UPDATE outbox_message m
    SET state = 0, epoch = m.epoch + 1, available_at = now(), finished_at = NULL, alone = false,
        started_at = NULL, worker = '', lease_until = NULL, job = NULL,
        max_attempts = greatest(m.max_attempts, m.failures + %(fresh)s)
    WHERE m.id = %(id)s AND m.epoch = %(epoch)s AND m.state IN (0, 3, 9)
    RETURNING m.lane
"""


class ReplayRefused(Exception):
    """The message is not as the operator saw it, or must not be replayed."""


def replay(message_id: UUID, *, epoch: int, reason: str) -> str:
    """Make a waiting, held or dead message due now and return its lane.

    The epoch goes up, so that whoever still works on it is fenced.

    :raises ReplayRefused: if it has another epoch by now, is in flight or done, or if another
        message about the same subject is active
    """
    params = {"id": message_id, "epoch": epoch, "fresh": FRESH_ATTEMPTS}
    try:
        with transaction():
            found = rows(_REPLAY, params)
    except IntegrityError:
        message = "another message about the same subject is active, and goes on with it"
        raise ReplayRefused(message) from None
    if not found:
        message = f"it is not waiting, held or dead at epoch {epoch}; look at it again"
        raise ReplayRefused(message)
    log.warning("message.replayed", message_id=str(message_id), epoch=epoch + 1, reason=reason)
    return str(found[0][0])
