"""What must always be true of the outbox; `manage.py verify` asks each of these."""

from core.guards import Guard, append_only, rights_as_listed, triggers_in_force
from core.invariants import Invariant
from core.secrecy import no_card_numbers, no_secrets
from outbox.grants import GRANTS, OPERATOR_GRANTS

_REFUSE = "outbox_refuse"
GUARDS = [
    Guard("outbox_message", "outbox_done_stays_done", "UPDATE", _REFUSE, has_condition=True),
    Guard("outbox_message", "outbox_epoch_only_grows", "UPDATE", _REFUSE, has_condition=True),
    Guard("outbox_message", "outbox_claim_raises_epoch", "UPDATE", _REFUSE, has_condition=True),
    Guard("outbox_message", "outbox_only_done_is_deleted", "DELETE", _REFUSE, has_condition=True),
    *append_only("outbox_lapse", _REFUSE),
]

INVARIANTS: list[Invariant] = [
    Invariant(
        "outbox-leases-only-in-flight",
        "a message has a lease and a job exactly while it is in flight",
        """
        SELECT id, state, lease_until, job FROM outbox_message
        WHERE (state = 1) <> (lease_until IS NOT NULL) OR (state = 1) <> (job IS NOT NULL)
        """,
    ),
    Invariant(
        "outbox-starts-within-epochs",
        "a message was not started more often than it was claimed",
        "SELECT id, starts, epoch FROM outbox_message WHERE starts > epoch OR starts < 0",
    ),
    Invariant(
        "outbox-started-means-counted",
        "a message that runs was counted as started, by somebody",
        """
        SELECT id, started_at, starts, worker FROM outbox_message
        WHERE started_at IS NOT NULL AND (starts = 0 OR worker = '')
        """,
    ),
    Invariant(
        "outbox-over-has-an-end",
        "a message has an end exactly when it is done or dead",
        """
        SELECT id, state, finished_at FROM outbox_message
        WHERE (state IN (8, 9)) <> (finished_at IS NOT NULL)
        """,
    ),
    Invariant(
        "outbox-one-active-per-subject",
        "nothing has two messages that are not over",
        """
        SELECT subject_id, count(*) FROM outbox_message
        WHERE state IN (0, 1, 2, 3) GROUP BY subject_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        "outbox-one-alone-in-flight",
        "at most one message that must run alone is in flight",
        """
        SELECT count(*) FROM outbox_message WHERE state = 1 AND alone HAVING count(*) > 1
        """,
    ),
    Invariant(
        "outbox-lapses-of-real-starts",
        "a lapse tells of an epoch that its message has reached, once",
        """
        SELECT l.message_id, l.epoch, m.epoch AS reached
        FROM outbox_lapse l JOIN outbox_message m ON m.id = l.message_id WHERE l.epoch > m.epoch
        UNION ALL
        SELECT message_id, epoch, NULL FROM outbox_lapse
        GROUP BY message_id, epoch HAVING count(*) > 1
        """,
    ),
    Invariant(
        "outbox-at-rest-nothing-in-flight",
        "at rest no message is in flight",
        "SELECT id, kind, lane, lease_until FROM outbox_message WHERE state = 1",
        quiescent=True,
    ),
    no_card_numbers("outbox", ["outbox_message", "outbox_lapse"]),
    no_secrets("outbox", ["outbox_message", "outbox_lapse"]),
    triggers_in_force("outbox", GUARDS),
    rights_as_listed("outbox", GRANTS, OPERATOR_GRANTS),
]
