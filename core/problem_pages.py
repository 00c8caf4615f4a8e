"""The pages that problem types point at: what happened, and what a caller should do."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from core.errors import REGISTRY

ADVICE: dict[str, str] = {
    "validation-error": "Correct the members listed in `errors`: each has a JSON Pointer, "
    "or the name of a parameter in the query, a code and a sentence. Unknown and read-only members "
    "are refused too.",
    "malformed-json": "Send one JSON text in UTF-8 without a byte order mark, names unique in "
    "each object, nested at most 32 deep. Without a body say `Content-Length: 0`: a chunked body "
    "of nothing may have been cut off.",
    "invalid-header": "Correct or add the header that `detail` names.",
    "idempotency-key-missing": "Send an `Idempotency-Key` that is new for each new intent (a UUID, "
    "say), and the same one when you repeat a request.",
    "idempotency-key-invalid": "Use 1 to 255 letters, digits and `_ - . : ~`, in one header line.",
    "signature-invalid": "Sign the raw body with a secret that is in use.",
    "signature-stale": "Sign at the time of sending, and check your clock.",
    "unauthenticated": "Send a key that is neither revoked nor expired in `X-API-KEY`.",
    "forbidden-scope": "Use a key that carries the scope.",
    "not-found": "Check the address. Objects of other merchants, and of the other mode, "
    "do not exist for you.",
    "method-not-allowed": "Use one of the methods in `Allow`.",
    "not-acceptable": "Accept `application/json`.",
    "invalid-state": "Read the object; what you asked for is not possible in its state."
    " `dispute` names an open dispute that stands in the way.",
    "idempotency-in-progress": "Wait as long as `Retry-After` says, then repeat the request "
    "with the same key.",
    "duplicate-reference": "Read the payment that has it, whose id is in `payment`, or choose "
    "another reference and a new `Idempotency-Key`.",
    "payload-too-large": "Send at most 64 KiB.",
    "uri-too-long": "Shorten the path and the query.",
    "unsupported-media-type": "Send `Content-Type: application/json` and no `Content-Encoding`.",
    "idempotency-key-reused": "Repeat exactly the first request, or use a new key.",
    "value-invalid": "Correct the value; its type is right.",
    "amount-invalid": "Send 1 to 999999999999 minor units.",
    "currency-unsupported": "Send an ISO 4217 code in capitals whose minor unit has 0, 2 "
    "or 3 decimals.",
    "capture-exceeds-authorized": "Capture at most `capturable` minor units.",
    "refund-exceeds-captured": "Refund at most what is captured and not yet being refunded.",
    "insufficient-balance": "Ask for at most the available balance.",
    "cardholder-data-not-accepted": "Send a provider's token. `errors` or `detail` says where the "
    "card data was; it was neither stored nor logged. An id of yours that only looks like a card "
    "number needs another form: a UUID, say.",
    "webhook-url-forbidden": "Use a public https address, on port 443 or 8443.",
    "rate-limited": "Wait as long as `Retry-After` says.",
    "headers-too-large": "Send smaller headers.",
    "internal-error": "Repeat the request with the same `Idempotency-Key`; nothing of the failed "
    "one was kept. If it stays, tell us the `instance`.",
    "gateway-unavailable": "Repeat the request after a while.",
    "overloaded": "Wait as long as `Retry-After` says, then repeat the request with the same "
    "`Idempotency-Key`.",
}

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{slug}</title>
<h1>{title}</h1><p>HTTP status {status}, type <code>{slug}</code></p><p>{advice}</p></html>
"""


def registry_table() -> str:
    """Return the whole registry as a Markdown table, as `docs/problems.md` shows it."""
    rows = [
        f"| `{slug}` | {status} | {title} | {ADVICE[slug]} |"
        for slug, (status, title) in REGISTRY.items()
    ]
    return "\n".join(["| type | status | title | what to do |", "|---|---|---|---|", *rows]) + "\n"


@csrf_exempt  # or a wrong method would be called a forgery
@require_safe
def problem_page(_request: HttpRequest, slug: str) -> HttpResponse:
    """Describe one problem type.

    :raises Http404: if there is no such type
    """
    if slug not in REGISTRY:
        raise Http404
    status, title = REGISTRY[slug]
    return HttpResponse(
        format_html(_PAGE, slug=slug, title=title, status=status, advice=ADVICE[slug])
    )
