"""What SQLite refuses of providers' webhooks: what nobody is granted (``core.refusals``)."""

from core.refusals import Refusal, append_only, differs

_TABLE = "webhooks_providerevent"
_SAID = (
    *("id", "gateway", "content_sha256", "event_id", "kind", "outcome", "reference"),
    *("provider_id", "amount", "fee", "currency", "code", "detail", "content", "received_at"),
)
REFUSALS = [
    Refusal(
        _TABLE,
        f"{_TABLE}_fixed",
        "UPDATE",
        "what a provider said never changes",
        differs(*_SAID),
    ),
    Refusal(_TABLE, f"{_TABLE}_kept", "DELETE", "a provider event is never deleted"),
    Refusal(
        "webhooks_endpoint",
        "webhooks_endpoint_terms_fixed",
        "UPDATE",
        "whose endpoint it is never changes",
        differs("id", "merchant_id", "mode", "created_at"),
    ),
    Refusal(
        "webhooks_endpoint",
        "webhooks_endpoint_deleted_for_good",
        "UPDATE",
        "a deleted endpoint stays deleted",
        "OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NOT OLD.deleted_at",
    ),
    Refusal(
        "webhooks_endpoint",
        "webhooks_endpoint_version_counts",
        "UPDATE",
        "the version counts changes of status",
        "NEW.version <> OLD.version + (OLD.status <> NEW.status)",
    ),
    Refusal(
        "webhooks_endpointsecret",
        "webhooks_endpointsecret_terms_fixed",
        "UPDATE",
        "a secret belongs to one endpoint, and its end to it",
        differs("id", "endpoint_id", "created_at") + " OR OLD.expires_at IS NOT NULL"
        " AND (NEW.expires_at IS NULL OR NEW.expires_at > OLD.expires_at)",
    ),
    Refusal(
        "webhooks_delivery",
        "webhooks_delivery_terms_fixed",
        "UPDATE",
        "what is delivered to whom never changes",
        differs("id", "endpoint_id", "event_id", "created_at"),
    ),
    Refusal(
        "webhooks_delivery",
        "webhooks_delivery_fits",
        "INSERT",
        "an event is delivered to its own merchant and mode only",
        "NOT EXISTS (SELECT 1 FROM webhooks_endpoint e JOIN webhooks_body b"
        " ON b.merchant_id = e.merchant_id AND b.mode = e.mode"
        " WHERE e.id = NEW.endpoint_id AND b.id = NEW.event_id)",
    ),
    Refusal(
        "webhooks_deliveryattempt",
        "webhooks_deliveryattempt_answered_once",
        "UPDATE",
        "an answer is a fact and never changes",
        "OLD.answered_at IS NOT NULL OR "
        + differs("id", "delivery_id", "message_id", "epoch", "intended_at"),
    ),
    *(
        Refusal(f"webhooks_{what}", f"webhooks_{what}_kept", "DELETE", f"{what} keeps its rows")
        for what in ("endpoint", "delivery", "deliveryattempt")
    ),
    append_only("webhooks_body"),
]
