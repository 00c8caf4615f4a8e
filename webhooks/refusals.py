"""What SQLite refuses of providers' webhooks: what nobody is granted (``core.refusals``)."""

from core.refusals import Refusal, differs

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
]
