"""What must always be true of what merchants are told."""

from core.guards import Guard, append_only
from core.invariants import Invariant

_REFUSE = "webhooks_refuse"
_CONDITIONAL = [
    ("webhooks_endpoint", "terms_fixed"),
    ("webhooks_endpoint", "deleted_for_good"),
    ("webhooks_endpoint", "version_counts"),
    ("webhooks_endpointsecret", "terms_fixed"),
    ("webhooks_delivery", "terms_fixed"),
    ("webhooks_deliveryattempt", "answered_once"),
]
_KEPT = ("webhooks_endpoint", "webhooks_delivery", "webhooks_deliveryattempt")
GUARDS = [
    *(
        Guard(table, f"{table}_{name}", "UPDATE", _REFUSE, has_condition=True)
        for table, name in _CONDITIONAL
    ),
    *(Guard(table, f"{table}_kept", "DELETE", _REFUSE) for table in _KEPT),
    *(Guard(table, f"{table}_not_truncated", "TRUNCATE", _REFUSE) for table in _KEPT),
    *append_only("webhooks_body", _REFUSE),
    Guard("webhooks_delivery", "webhooks_delivery_fits", "INSERT", "webhooks_delivery_fits"),
]
TABLES = ["webhooks_body", *_KEPT]

INVARIANTS: list[Invariant] = [
    Invariant(
        "webhooks-deliveries-are-of-their-merchant",
        "an event is delivered to endpoints of its own merchant and mode only",
        """
        SELECT d.id, d.endpoint_id, d.event_id FROM webhooks_delivery d
        LEFT JOIN webhooks_endpoint e ON e.id = d.endpoint_id
        LEFT JOIN webhooks_body b ON b.id = d.event_id
        WHERE (b.merchant_id, b.mode) IS DISTINCT FROM (e.merchant_id, e.mode)
        """,
    ),
    Invariant(
        "webhooks-bodies-tell-of-events",
        "a body that has a number tells of the event that has it, in the same merchant and mode",
        """
        SELECT b.id, b.number FROM webhooks_body b
        LEFT JOIN payments_eventnumber n ON n.event_id = b.id
        LEFT JOIN payments_event v ON v.id = b.id
        WHERE b.number IS NOT NULL
          AND (n.merchant_id, n.mode, n.number, v.type)
              IS DISTINCT FROM (b.merchant_id, b.mode, b.number, b.type)
        """,
    ),
    Invariant(
        "webhooks-events-fit",
        "an event about an endpoint tells its merchant, in its mode, of one that is there",
        """
        SELECT v.id, v.type FROM payments_event v
        LEFT JOIN webhooks_endpoint e ON e.id = v.aggregateid
        WHERE v.aggregatetype NOT IN ('payment', 'refund', 'dispute')
          AND (v.merchant_id, v.mode) IS DISTINCT FROM (e.merchant_id, e.mode)
        """,
    ),
    Invariant(
        "webhooks-answers-are-true",
        "a stored success about endpoints is about one, or a delivery, of its merchant and mode",
        """
        SELECT k.id, k.resource_id FROM core_idempotencyrecord k
        LEFT JOIN webhooks_delivery d ON d.id = k.resource_id
        LEFT JOIN webhooks_endpoint e ON e.id IN (k.resource_id, d.endpoint_id)
        WHERE k.status < 300 AND k.location LIKE '/api/webhook-endpoints/%'
          AND (e.merchant_id, e.mode) IS DISTINCT FROM (k.merchant_id, k.mode)
        """,
    ),
    Invariant(
        "webhooks-delivered-once-each",
        "an event has one delivery for an endpoint, however often that is tried",
        """
        SELECT endpoint_id, event_id, count(*) FROM webhooks_delivery
        GROUP BY endpoint_id, event_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        "webhooks-no-delivery-forgotten",
        "a delivery that is not over has a message that will try it",
        """
        SELECT d.id, d.created_at FROM webhooks_delivery d
        WHERE d.status = 'pending'
          AND NOT EXISTS (SELECT 1 FROM outbox_message m
                          WHERE m.subject_id = d.id AND m.state IN (0, 1, 3))
        """,
    ),
    Invariant(
        "webhooks-successes-were-heard",
        "what counts as delivered was answered with 2xx",
        """
        SELECT d.id, d.finished_at FROM webhooks_delivery d
        WHERE d.status = 'succeeded'
          AND NOT EXISTS (SELECT 1 FROM webhooks_deliveryattempt a
                          WHERE a.delivery_id = d.id AND a.result = 'succeeded'
                            AND a.status_code BETWEEN 200 AND 299)
        """,
    ),
    Invariant(
        "webhooks-deliveries-over-or-not",
        "a delivery that is over has an end, and a reason unless it succeeded",
        """
        SELECT id, status, reason, finished_at FROM webhooks_delivery
        WHERE (status = 'pending') <> (finished_at IS NULL)
           OR (status IN ('failed', 'canceled')) <> (reason <> '')
        """,
    ),
    Invariant(
        "webhooks-attempts-answered-once",
        "an attempt has a result exactly when it was answered, and one for each start",
        """
        SELECT id::text, result FROM webhooks_deliveryattempt
        WHERE (answered_at IS NULL) <> (result = '')
        UNION ALL
        SELECT delivery_id::text, 'twice' FROM webhooks_deliveryattempt
        GROUP BY delivery_id, message_id, epoch HAVING count(*) > 1
        """,
    ),
    Invariant(
        "webhooks-endpoints-disabled-for-a-reason",
        "an endpoint is disabled exactly when it is said by whom and when",
        """
        SELECT id, status, disabled_by, disabled_at FROM webhooks_endpoint
        WHERE (status = 'disabled') <> (disabled_by <> '' AND disabled_at IS NOT NULL)
           OR (failures > 0) <> (failing_since IS NOT NULL)
        """,
    ),
    Invariant(
        "webhooks-endpoints-have-a-secret",
        "an endpoint has one current secret, and none once it is deleted",
        """
        SELECT e.id, e.deleted_at, count(s.id) FILTER (WHERE s.expires_at IS NULL) AS current
        FROM webhooks_endpoint e LEFT JOIN webhooks_endpointsecret s ON s.endpoint_id = e.id
        GROUP BY e.id, e.deleted_at
        HAVING (e.deleted_at IS NULL)
               AND count(s.id) FILTER (WHERE s.expires_at IS NULL) <> 1
            OR (e.deleted_at IS NOT NULL) AND count(s.id) > 0
        """,
    ),
    Invariant(
        "webhooks-endpoints-in-their-places",
        "no two endpoints of a merchant and mode have the same place, so there are not too many",
        """
        SELECT merchant_id, mode, place, count(*) FROM webhooks_endpoint
        WHERE deleted_at IS NULL GROUP BY merchant_id, mode, place HAVING count(*) > 1
        """,
    ),
]
