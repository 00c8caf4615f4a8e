"""What a merchant may read with a payment: its refunds, and the last call to its provider.

Each is one more statement for a whole page, and shows a bounded number of rows of each payment.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from rest_framework.request import Request

from core.newest import chosen, newest, of_each
from core.pagination import (
    bad_parameter,
    cursor_at,
    cursor_salt,
    cut,
)
from payments.models import Attempt, Payment, Refund
from payments.representation import refund_dict, timestamp

REFUNDS_SHOWN = 10
# Who refunds once more does not look at what a call of long ago ended with.
OPERATIONS_EXAMINED = 10

_NEWEST_REFUNDS = newest("payments_refund", "payment_id")
_LATEST_ATTEMPTS = f"""
    SELECT a.id FROM unnest(%s::uuid[]) AS p(id)
    CROSS JOIN LATERAL (
        SELECT heard.id FROM (SELECT id FROM payments_operation WHERE {of_each("payment_id")}) AS o
        CROSS JOIN LATERAL (
            SELECT id FROM payments_attempt WHERE operation_id = o.id OFFSET 0) AS heard
        ORDER BY heard.id DESC LIMIT 1) AS a
"""  # noqa: S608 - our own constants

Shown = dict[UUID, Any]


def names(request: Request) -> list[str]:
    """Return what the request wants expanded.

    :raises Problem: ``validation-error`` for what there is not
    """
    asked = request.query_params.get("expand")
    found = asked.split(",") if asked is not None else []
    if set(found) - set(EXPANSIONS):
        detail = f"Must be one or more of {', '.join(EXPANSIONS)}, with commas between them."
        raise bad_parameter("expand", "invalid", detail)
    return found


def expanded(request: Request, payments: Sequence[Payment]) -> dict[str, Shown]:
    """Return what is wanted of these payments, by name and then by payment."""
    ids = [payment.id for payment in payments]
    return {name: EXPANSIONS[name](request, ids) for name in names(request)}


def _refunds(request: Request, ids: list[UUID]) -> Shown:
    ids_chosen = chosen(_NEWEST_REFUNDS, ids, REFUNDS_SHOWN + 1)
    by_payment: dict[UUID, list[Refund]] = defaultdict(list)
    found = Refund.objects.filter(id__in=ids_chosen).select_related("operation")
    for refund in found.order_by("-id"):
        by_payment[refund.payment_id].append(refund)
    return {one: _page(request, one, by_payment[one]) for one in ids}


def _page(request: Request, payment_id: UUID, refunds: list[Refund]) -> dict[str, Any]:
    shown, end = cut(refunds, REFUNDS_SHOWN)
    salt = cursor_salt(request, f"/api/payments/{payment_id}/refunds/")
    return {
        "results": [refund_dict(refund) for refund in shown],
        "next": None if end is None else cursor_at(end, salt),
    }


def _latest_attempts(request: Request, ids: list[UUID]) -> Shown:
    ids_chosen = chosen(_LATEST_ATTEMPTS, ids, OPERATIONS_EXAMINED)
    latest = Attempt.objects.filter(id__in=ids_chosen).select_related("operation")
    by_payment = {one.operation.payment_id: attempt_dict(one) for one in latest}
    return {one: by_payment.get(one) for one in ids}


def attempt_dict(attempt: Attempt) -> dict[str, Any]:
    """Return a call to a provider: which, and what was answered; neither keys nor its own words."""
    return {
        "id": str(attempt.id),
        "operation": str(attempt.operation.kind),
        "refund": None if attempt.operation.refund_id is None else str(attempt.operation.refund_id),
        "kind": str(attempt.kind),
        "outcome": attempt.outcome or None,
        "code": attempt.code or None,
        "created_at": timestamp(attempt.intended_at),
        "answered_at": timestamp(attempt.answered_at),
    }


EXPANSIONS: dict[str, Callable[[Request, list[UUID]], Shown]] = {
    "refunds": _refunds,
    "latest_attempt": _latest_attempts,
}
