"""What is over and may still change is looked up from time to time.

A failed operation, once a day for a week: a provider may carry it out after all. An authorisation,
once it is old: it runs out, and only its provider knows when. Both are otherwise learned from
webhooks only, and those get lost.
"""

from django.conf import settings

from core.db import rows, transaction
from core.kill_points import reached
from outbox.models import Message
from outbox.staging import MAX_ATTEMPTS
from payments.handlers import RECHECK, lane

STAGED_MAX = 100

_TAKE_DUE = """
    UPDATE payments_operation o
    SET recheck_at = CASE WHEN o.state = 'succeeded'  -- until it is captured or let go
                               OR now() + %(every)s < o.settled_at + %(window)s
                          THEN now() + %(every)s END
    FROM (SELECT id FROM payments_operation
          WHERE recheck_at <= now() ORDER BY recheck_at LIMIT %(limit)s
          FOR NO KEY UPDATE SKIP LOCKED) AS due
    WHERE o.id = due.id AND o.recheck_at <= now()
    RETURNING o.id, o.gateway
"""


def stage_due() -> int:
    """Stage a look for the operations whose time has come; return how many."""
    params = {
        "every": settings.RECHECK_EVERY,
        "window": settings.RECHECK_WINDOW,
        "limit": STAGED_MAX,
    }
    with transaction():
        due = rows(_TAKE_DUE, params)
        if due:
            reached("recheck.after_take")
        # An operation that has a message already is being dealt with.
        Message.objects.bulk_create(
            [
                Message(
                    kind=RECHECK,
                    lane=lane(RECHECK, gateway),
                    subject_id=operation_id,
                    max_attempts=MAX_ATTEMPTS,
                )
                for operation_id, gateway in due
            ],
            ignore_conflicts=True,
        )
        if due:
            reached("recheck.uncommitted")
    if due:
        reached("recheck.after_commit")
    return len(due)
