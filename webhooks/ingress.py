"""Providers' door: verify, store once, answer. Applying is a worker's business."""

import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.db import rows, transaction
from core.errors import Problem
from core.ids import uuid7
from core.kill_points import reached
from core.logging import current, get_logger
from core.metrics import PROVIDER_EVENTS
from core.money import STORABLE_AMOUNT_MAX
from core.provider_text import (
    CODE_LENGTH,
    DETAIL_LENGTH,
    ID_LENGTH,
    clean,
    clean_address,
    clean_id,
)
from gateways import base, registry
from gateways.disputes import DisputeNotice
from outbox import staging
from outbox.waking import wake
from payments.placing import DISPUTE

log = get_logger(__name__)

APPLY = "apply"
Told = base.Notice | DisputeNotice

_RECEIVED = {"type": "object", "properties": {"received": {"type": "boolean"}}}

# Duplicates are decided by what was signed; headers outside the signature prove nothing.
_STORE = """
    INSERT INTO webhooks_providerevent
        (id, gateway, content_sha256, event_id, kind, outcome, reference, charge_reference,
         provider_id, amount, fee, currency, account, action_url, code, detail, content, parked_at,
         parked_reason)
    VALUES (%(id)s, %(gateway)s, %(digest)s, %(event_id)s, %(kind)s, %(outcome)s, %(reference)s,
            %(charge_reference)s, %(provider_id)s, %(amount)s, %(fee)s, %(currency)s,
            %(account)s, %(action_url)s, %(code)s, %(detail)s, %(content)s,
            CASE WHEN %(parked_reason)s <> '' THEN now() END, %(parked_reason)s)
    ON CONFLICT (gateway, content_sha256) DO NOTHING
    RETURNING id
"""
_UNREADABLE: dict[str, Any] = {
    **dict.fromkeys(("event_id", "kind", "outcome", "reference", "charge_reference"), ""),
    **dict.fromkeys(("provider_id", "currency", "account", "action_url", "code", "detail"), ""),
    **dict.fromkeys(("amount", "fee")),
    "parked_reason": "it cannot be read",
}


class ProviderWebhook(APIView):
    """Takes signed webhooks of one provider."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        request={"application/json": {"type": "object"}},
        responses={200: OpenApiResponse(_RECEIVED, description="Stored, or known already.")},
    )
    def post(self, request: Request, gateway: str) -> Response:
        """Store the webhook once and answer 200; a duplicate is answered alike.

        :raises Problem: ``not-found``, ``signature-invalid`` or ``signature-stale``
        """
        body = request.body
        notice = _read(gateway, request, body)
        reached("ingress.after_verify")
        result = _store(gateway, body, notice)
        reached("ingress.before_answer")
        PROVIDER_EVENTS.labels(gateway, result).inc()
        return Response({"received": True})


def _read(gateway: str, request: Request, body: bytes) -> Told | None:
    """Verify and read; None is a webhook that is genuine and says nothing we can keep."""
    try:
        notice = registry.get(gateway).read_webhook(request.headers, body, time.time())
        return _storable(notice)
    except registry.UnknownGateway:
        raise Problem("not-found") from None
    except base.SignatureInvalid:
        PROVIDER_EVENTS.labels(gateway, "refused").inc()
        raise Problem("signature-invalid") from None
    except base.SignatureStale:
        PROVIDER_EVENTS.labels(gateway, "refused").inc()
        raise Problem("signature-stale") from None
    except base.NoticeMalformed as error:
        log.error("provider_event.unreadable", gateway=gateway, error=str(error))  # noqa: TRY400
        return None


def _storable(notice: Told) -> Told:
    if any(abs(amount or 0) > STORABLE_AMOUNT_MAX for amount in _amounts(notice)):
        message = "the amount is larger than any"
        raise base.NoticeMalformed(message)
    if isinstance(notice, DisputeNotice):
        return notice
    if notice.outcome.kind is base.OutcomeKind.REQUIRES_ACTION and not _action_url(notice):
        message = "nobody can be sent to its action_url"
        raise base.NoticeMalformed(message)
    return notice


def _amounts(notice: Told) -> Sequence[int | None]:
    if isinstance(notice, DisputeNotice):
        return notice.amount, notice.fee
    return (notice.outcome.amount,)


def _action_url(notice: base.Notice) -> str:
    """Return where the payer has to act, or has acted while the rest is open."""
    kinds = {base.OutcomeKind.REQUIRES_ACTION, base.OutcomeKind.PENDING}
    outcome = notice.outcome
    return clean_address(outcome.action_url) if outcome.kind in kinds else ""


def _store(gateway: str, body: bytes, notice: Told | None) -> str:
    event_id = uuid7()
    columns = {
        "id": event_id,
        "gateway": gateway,
        "digest": sha256(body).hexdigest(),
        "content": clean(body.decode("utf-8", "replace"), settings.BODY_LIMIT_BYTES),
        **_columns(notice),
    }
    lane = f"{APPLY}:{gateway}"
    with transaction():
        is_new = bool(rows(_STORE, columns))
        reached("ingress.after_event")
        if is_new and notice:
            trace = current("request_id") or ""
            staging.stage(kind=APPLY, lane=lane, subject_id=event_id, trace=trace)
        reached("ingress.uncommitted")
    reached("ingress.after_commit")
    if not is_new:
        return "duplicate"
    if notice is None:
        return "parked"
    wake(lane)
    return "stored"


def _columns(notice: Told | None) -> dict[str, Any]:
    """Return what was said, as it may be stored."""
    if notice is None:
        return _UNREADABLE
    if isinstance(notice, DisputeNotice):
        return _dispute_columns(notice)
    outcome = notice.outcome
    return {
        "event_id": clean(notice.event_id, ID_LENGTH),
        "kind": notice.kind,
        "outcome": outcome.kind.value,
        "reference": clean(notice.reference, ID_LENGTH),
        "charge_reference": clean(notice.charge_reference, ID_LENGTH),
        "provider_id": clean_id(notice.provider_id),
        "amount": outcome.amount,
        "fee": None,
        "currency": clean(outcome.currency, CODE_LENGTH),
        "account": clean_id(outcome.account),
        "action_url": _action_url(notice),
        "code": clean(outcome.code, CODE_LENGTH),
        "detail": clean(outcome.message, DETAIL_LENGTH),
        "parked_reason": "",
    }


def _dispute_columns(notice: DisputeNotice) -> dict[str, Any]:
    return {
        "event_id": clean(notice.event_id, ID_LENGTH),
        "kind": DISPUTE,
        "outcome": notice.said.value,
        "reference": clean(notice.charge_reference, ID_LENGTH),
        "charge_reference": "",
        "provider_id": clean_id(notice.provider_id),
        "amount": notice.amount,
        "fee": notice.fee,
        "currency": clean(notice.currency, CODE_LENGTH),
        "account": clean_id(notice.account),
        "action_url": "",
        "code": clean(notice.reason, CODE_LENGTH),
        "detail": "",
        "parked_reason": "",
    }
