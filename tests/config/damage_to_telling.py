"""Damage to what merchants are told."""

from tests.config.planting import Damage, copy

OF_TELLING = {
    "webhooks-deliveries-are-of-their-merchant": [
        Damage("UPDATE webhooks_body SET mode = 'live' WHERE number IS NULL"),
        Damage("UPDATE webhooks_body SET merchant_id = gen_random_uuid() WHERE number IS NULL"),
    ],
    "webhooks-bodies-tell-of-events": [
        Damage("UPDATE webhooks_body SET number = number + 1000"),
        Damage("UPDATE webhooks_body SET type = 'payment.other' WHERE number IS NOT NULL"),
    ],
    "webhooks-events-fit": [
        Damage(
            "UPDATE payments_event SET aggregateid = gen_random_uuid()"
            " WHERE aggregatetype = 'webhook_endpoint'"
        )
    ],
    "webhooks-answers-are-true": [
        Damage(
            "UPDATE core_idempotencyrecord SET resource_id = gen_random_uuid()"
            " WHERE location LIKE '/api/webhook%'"
        )
    ],
    "webhooks-delivered-once-each": [Damage(copy("webhooks_delivery", "status = 'failed'"))],
    "webhooks-no-delivery-forgotten": [
        Damage(
            "UPDATE webhooks_delivery SET status = 'pending', finished_at = NULL"
            " WHERE status = 'succeeded'"
        )
    ],
    "webhooks-successes-were-heard": [
        Damage(
            "UPDATE webhooks_deliveryattempt SET result = 'refused', status_code = 500"
            " WHERE result = 'succeeded'"
        )
    ],
    "webhooks-deliveries-over-or-not": [
        Damage("UPDATE webhooks_delivery SET reason = 'none' WHERE status = 'succeeded'"),
        Damage("UPDATE webhooks_delivery SET reason = '' WHERE status = 'failed'"),
        Damage("UPDATE webhooks_delivery SET finished_at = NULL WHERE status = 'succeeded'"),
    ],
    "webhooks-attempts-answered-once": [
        Damage("UPDATE webhooks_deliveryattempt SET answered_at = NULL"),
        Damage(copy("webhooks_deliveryattempt", "true")),
    ],
    "webhooks-endpoints-disabled-for-a-reason": [
        Damage("UPDATE webhooks_endpoint SET disabled_by = '' WHERE status = 'disabled'"),
        Damage("UPDATE webhooks_endpoint SET failures = 1 WHERE failing_since IS NULL"),
    ],
    "webhooks-endpoints-have-a-secret": [
        Damage("DELETE FROM webhooks_endpointsecret"),
        Damage("UPDATE webhooks_endpointsecret SET expires_at = now()"),
        Damage("UPDATE webhooks_endpoint SET deleted_at = now()"),
    ],
    "webhooks-endpoints-in-their-places": [Damage("UPDATE webhooks_endpoint SET place = 1")],
}
