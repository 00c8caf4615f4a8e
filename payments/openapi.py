"""What the OpenAPI document says of every call."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
_MEANING = {
    400: "The request is malformed.",
    401: "The API key is missing or no longer good.",
    403: "The API key lacks the scope.",
    404: "There is no such object for this merchant and mode.",
    409: "It is in progress, or the object's state does not allow it.",
    422: "A value is not acceptable, or the key was used for another request.",
    503: "Try again.",
}
ERRORS = {
    (status, "application/problem+json"): OpenApiResponse(_PROBLEM, description=meaning)
    for status, meaning in _MEANING.items()
}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="New for each thing that you want done; the same when you retry. "
    "Up to 255 characters of A-Z a-z 0-9 _ - . : ~.",
)
ACCEPTED = "It is on its way: the payment shows how it ends, and an event tells."
OPTIONAL_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=False,
    description="Required with an amount. A refund of the rest is its own key.",
)


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped
    """Describes ``X-API-KEY``."""

    target_class = "core.auth.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "apiKey", "in": "header", "name": "X-API-KEY"}
