"""Create a payment: everything that must be true together, in one statement of one round trip.

The statement is its own transaction. It re-checks the API key, takes the key's try-lock, and
writes idempotency record, payment, operation, ledger transaction, event and outbox message, or
nothing. Its meaning in the ORM's words is ``payments.portable.create``.

Mind its snapshot: a duplicate may have committed after the snapshot and before the lock. Then the
record conflicts, nothing is written, and a second statement reads the answer.
"""

import json
from functools import lru_cache
from typing import Any

from django.http import HttpResponse
from rest_framework.exceptions import AuthenticationFailed

from core import auth, idempotency
from core.db import named_row
from core.ids import uuid7, uuid7_text
from core.kill_points import reached
from core.logging import bind
from core.meanings import on_sqlite
from core.prepared import Prepared
from ledger import books
from ledger import sql as ledger_sql
from outbox.staging import insert_message, message_params
from payments import bookkeeping, portable
from payments.handlers import lane
from payments.models import OperationKind
from payments.representation import payment_members, to_json
from payments.unsaved import NewPayment

_NOW = """to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""

_CREATE = """
    WITH entitled AS (
        SELECT k.scopes @> %(scopes)s::jsonb AND k.scopes <@ %(scopes)s::jsonb
               AND m.default_gateway = %(default_gateway)s AS as_remembered
        FROM core_apikey k JOIN core_merchant m ON m.id = k.merchant_id
        WHERE k.id = %(api_key_id)s AND {entitled_if}),
    known AS (
        SELECT fingerprint, status, location, body FROM core_idempotencyrecord
        WHERE merchant_id = %(merchant_id)s AND mode = %(mode)s AND key = %(key)s),
    lock AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(%(lock)s) AS won FROM entitled
        WHERE as_remembered AND NOT EXISTS (SELECT FROM known)),
    record AS (
        INSERT INTO core_idempotencyrecord
            (id, merchant_id, mode, key, fingerprint, resource_id, status, location, body)
        SELECT %(record_id)s, %(merchant_id)s, %(mode)s, %(key)s, %(fingerprint)s,
               %(payment_id)s, 201, %(location)s,
               %(head)s || {now} || '","updated_at":"' || {now} || '"}}'
        FROM lock WHERE won
        ON CONFLICT DO NOTHING
        RETURNING body),
    payment AS (
        INSERT INTO payments_payment
            (id, merchant_id, mode, status, amount, currency, gateway, payment_method, return_url,
             reference, description, metadata, amount_captured, amount_refund_held,
             amount_overdrawn, amount_refunded, failure_code, failure_message, needs_review,
             review_reason, version)
        SELECT %(payment_id)s, %(merchant_id)s, %(mode)s, 'CREATED', %(amount)s, %(currency)s,
               %(gateway)s, %(payment_method)s, %(return_url)s, %(reference)s, %(description)s,
               %(metadata)s, 0, 0, 0, 0, '', '', false, '', 1
        FROM record
        RETURNING id),
    operation AS (
        INSERT INTO payments_operation
            (id, payment_id, kind, gateway, amount, currency, state, provider_id)
        SELECT %(operation_id)s, id, 'charge', %(gateway)s, %(amount)s, %(currency)s, 'open', ''
        FROM payment),
    event AS (
        INSERT INTO payments_event
            (id, merchant_id, mode, aggregatetype, aggregateid, type, version, payload)
        SELECT %(event_id)s, %(merchant_id)s, %(mode)s, 'payment', %(payment_id)s,
               'payment.created', 1, record.body::jsonb
        FROM record),
    message AS ({message}),
    {booking}
    SELECT entitled.as_remembered, lock.won, record.body AS created,
           known.fingerprint, known.status, known.location, known.body
    FROM (SELECT) AS always
    LEFT JOIN entitled ON true LEFT JOIN lock ON true LEFT JOIN record ON true
    LEFT JOIN known ON true
"""


def _statement(name: str, booking: str) -> Prepared:
    parts = {"entitled_if": auth.VALID_KEY, "now": _NOW, "booking": booking}
    message = insert_message("payment", kind="'charge'", subject="%(operation_id)s")
    return Prepared(name, _CREATE.format(message=message, **parts))


_BOOKED = {
    "kind": f"'{bookkeeping.CREATED}'",
    "source_id": "%(payment_id)s",
    "flags": "''",
    "layer": f"'{books.Layer.PENDING}'",
    **{name: f"%({name})s" for name in ("merchant_id", "mode", "currency", "amount")},
}
_CREATE_ANY = _statement("create_payment", ledger_sql.ctes("payment"))
_CREATE_SIMPLE = _statement("create_simple", ledger_sql.ctes_of_one("payment", **_BOOKED))


def create_payment(
    claim: idempotency.Claim, *, key_digest: str, trace: str, **asked: Any
) -> tuple[HttpResponse, str]:
    """Accept a payment and stage its charge; return the answer and the lane that has work now.

    ``asked`` are the payment's columns. The same key returns the same answer, ever after.

    :raises AuthenticationFailed: if the key was revoked since it was last looked up
    :raises KeyChanged: if the key or its merchant changed since, so that nothing was written
    :raises Problem: ``idempotency-in-progress`` or ``idempotency-key-reused``
    """
    payment = _asked_for(claim, asked)
    work = lane(OperationKind.CHARGE, payment.gateway)
    posting = bookkeeping.created(payment)
    params = _params(claim, payment, trace, work)
    reached("web.before_create")
    found = _write(payment, posting, params)
    reached("web.after_create")
    _check_key(key_digest, as_remembered=found["as_remembered"])
    if found["created"] is not None:
        books.remember_accounts(posting)
        made = ("payment_id", "operation_id", "message_id")
        bind(**{name: str(params[name]) for name in made})
        location = f"/api/payments/{payment.id}/"
        answer = idempotency.Answer(201, found["created"], location, payment.id)
        return answer.response(), work
    if found["fingerprint"] is not None:
        answer = idempotency.Answer(found["status"], found["body"], found["location"])
        return idempotency.replay(claim, found["fingerprint"], answer), ""
    replayed = idempotency.stored(claim) if found["won"] else None
    if replayed is None:
        raise idempotency.in_progress()
    return replayed, ""


def _write(payment: NewPayment, posting: books.Posting, params: dict[str, Any]) -> dict[str, Any]:
    if on_sqlite():
        return portable.create(payment.row(), posting, params)
    if ledger_sql.is_simple(posting):
        return named_row(_CREATE_SIMPLE, params | ledger_sql.params_of_one(posting))
    return named_row(_CREATE_ANY, params | ledger_sql.params(posting))


def _check_key(key_digest: str, *, as_remembered: bool | None) -> None:
    if as_remembered:
        return
    auth.forget(key_digest)
    if as_remembered is None:
        message = "This API key is unknown, revoked or expired."
        raise AuthenticationFailed(message)
    raise auth.KeyChanged


def _asked_for(claim: idempotency.Claim, asked: dict[str, Any]) -> NewPayment:
    return NewPayment(
        id=uuid7(),
        merchant_id=claim.principal.merchant_id,
        mode=claim.principal.mode,
        **asked,
    )


@lru_cache(maxsize=1000)
def _scopes(scopes: frozenset[str]) -> str:
    return json.dumps(sorted(scopes))


def _params(claim: idempotency.Claim, payment: NewPayment, trace: str, work: str) -> dict[str, Any]:
    return {
        **message_params(lane=work, trace=trace),
        # The answer up to its times: it is made before the row has any.
        "head": to_json(payment_members(payment))[:-1] + ',"created_at":"',
        "api_key_id": claim.principal.key_id,
        "scopes": _scopes(claim.principal.scopes),
        "default_gateway": claim.principal.default_gateway,
        "lock": claim.lock_number,
        "record_id": uuid7_text(),
        "key": claim.key,
        "fingerprint": claim.fingerprint,
        "location": f"/api/payments/{payment.id}/",
        "operation_id": uuid7_text(),
        "event_id": uuid7_text(),
        "payment_id": payment.id,
        "merchant_id": payment.merchant_id,
        "mode": payment.mode,
        "amount": payment.amount,
        "currency": payment.currency,
        "gateway": payment.gateway,
        "payment_method": payment.payment_method,
        "return_url": payment.return_url,
        "reference": payment.reference,
        "description": payment.description,
        "metadata": to_json(payment.metadata),
    }
