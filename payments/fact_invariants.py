"""What must hold between the facts, the operations they are about, and the messages that ask.

The fold is written once more, in SQL and apart from ``payments.facts``, so that a mistake in one of
them shows.
"""

from collections.abc import Sequence

from core.invariants import Invariant
from gateways import registry

# A fact may be stored one transaction before what it means (a fenced worker's): give that time.
_GRACE = "interval '1 minute'"

_FACTS = """
    said AS (
        SELECT operation_id, outcome, provider_id, amount, currency, account, code,
               answered_at AS at, false AS by_webhook
        FROM payments_attempt WHERE answered_at IS NOT NULL
        UNION ALL
        SELECT operation_id, outcome, provider_id, amount, currency, account, code, recorded_at,
               true
        FROM payments_notice
    ), taken AS (
        SELECT operation_id FROM said
        WHERE outcome IN ('pending', 'requires_action') AND account = ''
    ), judged AS (
        SELECT s.*, s.outcome = 'declined' AND s.account = ''
                    AND (s.amount IS NULL OR (s.amount, s.currency) = (o.amount, o.currency))
                    OR s.outcome = 'not_found' AND s.code = 'nobody_can_send'
                    AND s.operation_id NOT IN (SELECT operation_id FROM taken) AS is_no
        FROM said s JOIN payments_operation o ON o.id = s.operation_id
    ), silent AS (
        SELECT a.operation_id FROM payments_attempt a
        JOIN payments_operation o ON o.id = a.operation_id
        WHERE a.kind = 'send' AND (a.outcome IN ('', 'unknown') OR a.outcome = 'declined'
              AND (a.amount, a.currency) <> (o.amount, o.currency) OR a.account <> '')
    ), known AS (
        SELECT o.id, o.state,
               coalesce(bool_or(s.outcome = 'succeeded' AND (s.amount, s.currency)
                                = (o.amount, o.currency) AND s.account = ''), false) AS ours,
               coalesce(bool_or(s.outcome = 'succeeded'), false) AS moved,
               coalesce(bool_or(s.is_no AND NOT (s.by_webhook AND s.outcome = 'declined' AND
                   o.id IN (SELECT operation_id FROM silent))), false) AS refused,
               coalesce(bool_or(s.is_no OR s.code = 'nobody_can_send'), false) AS denied,
               coalesce(bool_or(s.outcome = 'declined' AND NOT s.is_no OR s.account <> ''),
                        false) AS odd,
               max(s.at) AS newest
        FROM payments_operation o LEFT JOIN judged s ON s.operation_id = o.id
        GROUP BY o.id
    )
"""

_NOT_APPLIED = f"""
    WITH {_FACTS}
    SELECT id, state, ours, moved, refused FROM known
    WHERE (ours AND state <> 'succeeded' OR refused AND NOT moved AND state = 'open')
      AND newest <= now() - {{grace}}
"""  # noqa: S608 - our own constants

FOLD = [
    Invariant(
        "payments-success-has-its-fact",
        "an operation succeeded only if a provider said so, with this amount and currency",
        f"""
        WITH {_FACTS}
        SELECT id, state, moved FROM known WHERE state = 'succeeded' AND NOT ours
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-failure-has-its-fact",
        "an operation failed only if a provider refused it, or can never have received it",
        f"""
        WITH {_FACTS}
        SELECT id, state FROM known WHERE state = 'failed' AND NOT denied
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-facts-are-applied",
        "an operation stands where the facts put it; facts of the last minute may be on their way",
        _NOT_APPLIED.format(grace=_GRACE),
    ),
    Invariant(
        "payments-at-rest-facts-are-applied",
        "at rest every operation stands where the facts put it",
        _NOT_APPLIED.format(grace="interval '0'"),
        quiescent=True,
    ),
    Invariant(
        "payments-strange-money-is-reviewed",
        "an answer about another amount, currency or account has a person look, until it is"
        " settled, or until somebody who saw it ends that",
        f"""
        WITH {_FACTS}
        SELECT k.id, k.state FROM known k JOIN payments_operation o ON o.id = k.id
        JOIN payments_payment p ON p.id = o.payment_id
        WHERE (k.moved OR k.odd AND k.state = 'open') AND NOT k.ours AND NOT p.needs_review
          AND k.newest <= now() - {_GRACE} AND EXISTS (
            SELECT 1 FROM judged j WHERE j.operation_id = k.id
              AND (j.outcome = 'succeeded' OR j.outcome = 'declined' AND NOT j.is_no
                   OR j.account <> '')
              AND NOT EXISTS (
                SELECT 1 FROM payments_seen s
                WHERE s.operation_id = j.operation_id
                  AND (s.outcome, s.provider_id, s.amount, s.currency)
                      IS NOT DISTINCT FROM (j.outcome, j.provider_id, j.amount, j.currency)))
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-reviews-ended-by-somebody",
        "what a person has seen was written down as they ended a review, for a reason, and told",
        """
        SELECT s.id, s.operation_id, s.audit_id FROM payments_seen s
        JOIN payments_operation o ON o.id = s.operation_id
        WHERE NOT EXISTS (
            SELECT 1 FROM core_auditentry a JOIN payments_event e ON e.xid = a.xid
            WHERE a.id = s.audit_id AND a.xid = s.xid AND a.action = 'payment.review_ended'
              AND a.subject_id = o.payment_id::text
              AND e.aggregateid = o.payment_id AND e.type = 'payment.review_ended')
        """,
    ),
]

SENDS = [
    Invariant(
        "payments-one-key-per-operation",
        "a provider gets one key for an operation, whatever the attempt",
        """
        SELECT operation_id, count(DISTINCT provider_key) FROM payments_attempt
        GROUP BY operation_id HAVING count(DISTINCT provider_key) > 1
        """,
    ),
    Invariant(
        "payments-one-operation-per-key",
        "a provider gets a key for one operation only",
        """
        SELECT a.provider_key, count(DISTINCT a.operation_id) FROM payments_attempt a
        GROUP BY a.provider_key HAVING count(DISTINCT a.operation_id) > 1
        """,
    ),
    Invariant(
        "payments-one-attempt-per-start",
        "a start of a message makes at most one attempt",
        """
        SELECT message_id, epoch, count(*) FROM payments_attempt
        GROUP BY message_id, epoch HAVING count(*) > 1
        """,
    ),
    Invariant(
        "payments-attempts-of-real-starts",
        "an attempt belongs to its operation's message and to an epoch that was started",
        """
        SELECT a.id, a.epoch, m.epoch AS reached FROM payments_attempt a
        JOIN outbox_message m ON m.id = a.message_id
        WHERE a.epoch > m.epoch OR a.epoch < 1 OR m.subject_id <> a.operation_id
        UNION ALL
        SELECT m.id, m.starts, CAST(count(*) AS int) FROM payments_attempt a
        JOIN outbox_message m ON m.id = a.message_id GROUP BY m.id HAVING count(*) > m.starts
        """,
    ),
    Invariant(
        "payments-first-send-is-remembered",
        "an operation knows since when its key may be known to the provider",
        """
        SELECT o.id, o.first_sent_at FROM payments_operation o
        WHERE (o.first_sent_at IS NOT NULL) <> EXISTS (
            SELECT 1 FROM payments_attempt a WHERE a.operation_id = o.id AND a.kind = 'send')
        """,
    ),
    Invariant(
        "payments-settled-are-not-sent",
        "nothing is sent for a settled operation; a minute covers transactions that overlapped",
        """
        SELECT a.id, a.operation_id, a.intended_at, o.settled_at FROM payments_attempt a
        JOIN payments_operation o ON o.id = a.operation_id
        WHERE a.kind = 'send' AND a.intended_at > o.settled_at + interval '1 minute'
        """,
    ),
    Invariant(
        "payments-epochs-only-grow",
        "no attempt of an older epoch was made after one of a newer epoch of its message",
        """
        SELECT later.id, later.message_id, later.epoch FROM (
            SELECT id, message_id, epoch, intended_at,
                   lag(intended_at) OVER (
                       PARTITION BY message_id ORDER BY epoch, intended_at) AS before
            FROM payments_attempt) AS later
        WHERE later.intended_at < later.before
        """,
    ),
    Invariant(
        "payments-answers-have-an-outcome",
        "an attempt has an outcome exactly when it was answered",
        """
        SELECT id, answered_at, outcome FROM payments_attempt
        WHERE (answered_at IS NULL) <> (outcome = '')
        """,
    ),
]

# A person ended a review of it as it stands: other money moved, and that is settled elsewhere.
_WAS_SEEN = "EXISTS (SELECT 1 FROM payments_seen s WHERE s.operation_id = o.id)"
FOLLOWED_UP = [
    Invariant(
        "payments-nothing-is-forgotten",
        "an open operation has a message that goes on with it, or a person who is called or came",
        f"""
        SELECT o.id, o.kind, o.payment_id FROM payments_operation o
        JOIN payments_payment p ON p.id = o.payment_id
        WHERE o.state = 'open' AND NOT p.needs_review AND NOT {_WAS_SEEN}
          AND NOT EXISTS (SELECT 1 FROM outbox_message m
                          WHERE m.subject_id = o.id AND m.state IN (0, 1, 2, 3))
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-dead-messages-are-reviewed",
        "a dead message left its operation settled, or its payment with a person",
        f"""
        SELECT m.id, m.kind, m.last_error FROM outbox_message m
        JOIN payments_operation o ON o.id = m.subject_id
        JOIN payments_payment p ON p.id = o.payment_id
        WHERE m.state = 9 AND o.state = 'open' AND NOT p.needs_review AND NOT {_WAS_SEEN}
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-at-rest-no-message-waits",
        "at rest no message waits, but for payments that a person must look at, or has",
        f"""
        SELECT m.id, m.kind, m.lane, m.available_at FROM outbox_message m
        LEFT JOIN payments_operation o ON o.id = m.subject_id
        LEFT JOIN payments_payment p ON p.id = o.payment_id
        WHERE m.state IN (0, 1, 2) AND NOT coalesce(p.needs_review, false) AND NOT {_WAS_SEEN}
        """,  # noqa: S608 - our own constants
        quiescent=True,
    ),
    Invariant(
        "payments-at-rest-operations-settled",
        "at rest every operation is settled, but for what a person must look at, has, or holds",
        f"""
        SELECT o.id, o.kind, o.payment_id FROM payments_operation o
        JOIN payments_payment p ON p.id = o.payment_id
        WHERE o.state = 'open' AND NOT p.needs_review AND NOT {_WAS_SEEN} AND NOT EXISTS (
            SELECT 1 FROM outbox_message m WHERE m.subject_id = o.id AND m.state = 3)
        """,  # noqa: S608 - our own constants
        quiescent=True,
    ),
]


def no_second_send(keyless: Sequence[str]) -> Invariant:
    """Return the invariant that these gateways, which know no keys, get one send an operation."""
    names = ", ".join(f"'{name}'" for name in keyless)
    return Invariant(
        "payments-no-second-send-without-keys",
        "a gateway without keys gets a second send only after a certain *not sent*",
        f"""
        SELECT later.id, later.operation_id FROM payments_attempt later
        JOIN payments_attempt earlier USING (operation_id)
        JOIN payments_operation o ON o.id = later.operation_id
        WHERE o.gateway = ANY(ARRAY[{names}]::text[])
          AND later.kind = 'send' AND earlier.kind = 'send' AND earlier.id < later.id
          AND earlier.outcome <> 'not_sent'
        """,  # noqa: S608 - names from our settings
    )


def _keyless() -> list[str]:
    return [name for name in registry.names() if not registry.get(name).capabilities.keys]


INVARIANTS: list[Invariant] = [*FOLD, *SENDS, *FOLLOWED_UP, no_second_send(_keyless())]
