"""What must always be true of providers' webhooks; `manage.py verify` asks each of these."""

from core.guards import rights_as_listed, triggers_in_force
from core.invariants import Invariant
from core.secrecy import no_card_numbers, no_secrets
from webhooks import delivery_invariants
from webhooks.grants import GRANTS, OPERATOR_GRANTS

INVARIANTS: list[Invariant] = [
    Invariant(
        "webhooks-none-forgotten",
        "a stored webhook was applied, or is parked, or has a message that will apply it",
        """
        SELECT e.id, e.gateway, e.received_at FROM webhooks_providerevent e
        WHERE e.applied_at IS NULL AND e.parked_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM outbox_message m
                          WHERE m.subject_id = e.id AND m.state IN (0, 1, 2, 3))
        """,
    ),
    Invariant(
        "webhooks-applied-are-facts",
        "what was applied stands among the facts, as it was received; but for what never moved: a"
        " refund made without us",
        """
        SELECT e.id, e.gateway, e.outcome, n.outcome AS fact FROM webhooks_providerevent e
        LEFT JOIN payments_notice n ON n.id = e.id
        WHERE e.applied_at IS NOT NULL AND n.id IS NULL AND e.kind <> 'dispute'
              AND (e.kind <> 'refund' OR e.outcome = 'succeeded' OR EXISTS (
                  SELECT 1 FROM payments_operation o
                  WHERE o.kind = 'refund' AND e.reference IN (o.id::text, o.refund_id::text)))
           OR n.id IS NOT NULL AND (n.outcome, n.provider_id, n.amount, n.currency, n.account,
                                   n.action_url)
              IS DISTINCT FROM (e.outcome, e.provider_id, e.amount, e.currency, e.account,
                                e.action_url)
        """,
    ),
    Invariant(
        "webhooks-disputes-are-facts",
        "what was applied of a dispute stands among its facts as it was received, and nothing else",
        """
        SELECT e.id AS event, f.id AS fact, e.outcome, f.said
        FROM (SELECT * FROM webhooks_providerevent
              WHERE kind = 'dispute' AND applied_at IS NOT NULL) AS e
        FULL JOIN (SELECT fact.*, d.gateway, d.provider_id FROM payments_disputefact fact
                   JOIN payments_dispute d ON d.id = fact.dispute_id) AS f ON f.id = e.id
        WHERE (e.id, e.gateway, e.provider_id, e.outcome, e.amount, e.currency, e.fee, e.account)
              IS DISTINCT FROM
              (f.id, f.gateway, f.provider_id, f.said, f.amount, f.currency, f.fee, '')
        """,
    ),
    Invariant(
        "webhooks-facts-were-received",
        "what counts as a provider's notice came in by a webhook of the operation's gateway, or by"
        " a look for an operation of the same payment",
        """
        SELECT n.id, n.operation_id FROM payments_notice n
        JOIN payments_operation o ON o.id = n.operation_id
        LEFT JOIN webhooks_providerevent e ON e.id = n.id AND e.gateway = o.gateway
        LEFT JOIN (SELECT a.id, l.payment_id FROM payments_attempt a
                   JOIN payments_operation l ON l.id = a.operation_id) AS look
            ON look.id = n.attempt_id AND look.payment_id = o.payment_id
        WHERE (e.id IS NULL) = (look.id IS NULL)
        """,
    ),
    Invariant(
        "webhooks-stored-once",
        "one signed content is stored once for each gateway",
        """
        SELECT gateway, content_sha256, count(*) FROM webhooks_providerevent
        GROUP BY gateway, content_sha256 HAVING count(*) > 1
        """,
    ),
    Invariant(
        "webhooks-parked-for-a-reason",
        "a webhook is parked exactly when there is a reason, not applied as well, and only such a"
        " one is closed",
        """
        SELECT id, applied_at, parked_at, parked_reason, closed_at FROM webhooks_providerevent
        WHERE (parked_at IS NULL) <> (parked_reason = '')
           OR applied_at IS NOT NULL AND parked_at IS NOT NULL
           OR closed_at IS NOT NULL AND parked_at IS NULL
        """,
    ),
    *delivery_invariants.INVARIANTS,
    triggers_in_force("webhooks", delivery_invariants.GUARDS),
    no_card_numbers("webhooks", ["webhooks_providerevent", *delivery_invariants.TABLES]),
    no_secrets("webhooks", ["webhooks_providerevent", *delivery_invariants.TABLES]),
    rights_as_listed("webhooks", GRANTS, OPERATOR_GRANTS),
]
