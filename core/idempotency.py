"""Idempotency keys: one answer a key, kept in the transaction of its effects (ADR 0002).

Keys are scoped to merchant and mode, not to the API key, so that a rotated key still replays.
A transaction-scoped try-lock turns a concurrent duplicate into 409; it dies with its transaction,
so no key is ever stuck. After the IETF draft *The Idempotency-Key HTTP Header Field*.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from core.auth import Principal
from core.db import needs_transaction, rows, savepoint, transaction
from core.errors import CONTENT_TYPE, Problem
from core.ids import smallest_uuid7
from core.json_text import encoder
from core.kill_points import reached
from core.models import IdempotencyRecord

HEADER = "HTTP_IDEMPOTENCY_KEY"
_KEY = re.compile(r"[A-Za-z0-9_\-.:~]{1,255}")
_STORED_REFUSALS = {409, 422}
API_VERSION = "1"
_canonical = encoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
PRUNE_LIMIT = 1000

_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"
# Looks at the lock and never takes it: one held for an instant would refuse a real request.
_IS_LOCKED = """
    SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 1
      AND l.classid::bigint = %s AND l.objid::bigint = %s AND l.granted
"""

# Ids are time-ordered, so the oldest records stand together; their age is the database's to tell.
# No row locks: they would need the right to UPDATE, which nobody has who serves.
_PRUNE = """
    DELETE FROM core_idempotencyrecord WHERE id IN (
        SELECT id FROM core_idempotencyrecord
        WHERE id < %(before)s AND created_at < now() - %(kept)s
        ORDER BY id LIMIT %(limit)s)
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A key a request came with, and what it asks for."""

    principal: Principal
    key: str
    fingerprint: str

    @property
    def lock_number(self) -> int:
        """Return the advisory lock of this key: 64 bits, which no other lock has but by chance."""
        return int.from_bytes(_lock_bytes(self.principal, self.key), "big", signed=True)


class InProgress:
    """A request that still runs."""


def _lock_bytes(principal: Principal, key: str) -> bytes:
    scope = f"{principal.merchant_id}|{principal.mode}|{key}"
    return sha256(scope.encode()).digest()[:8]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered, as it is stored.

    ``shown_once`` is the body that the first caller sees instead: a secret in it is stored nowhere.
    """

    status: int
    body: str
    location: str = ""
    resource_id: UUID | None = None
    shown_once: str = field(default="", repr=False)

    def response(self, *, replayed: bool = False) -> HttpResponse:
        """Return the answer as HTTP, the same bytes every time."""
        is_problem = self.status >= 400  # noqa: PLR2004 - where errors begin
        response = HttpResponse(
            (self.shown_once or self.body).encode(),
            status=self.status,
            content_type=CONTENT_TYPE if is_problem else "application/json",
        )
        if is_problem or self.shown_once:
            response["Cache-Control"] = "no-store"
        if self.location:
            response["Location"] = self.location
        if replayed:
            response["Idempotency-Replayed"] = "true"
        return response


def claim(request: Request, principal: Principal, body: Any) -> Claim:
    """Read the request's key and fingerprint it.

    :raises Problem: ``idempotency-key-missing`` or ``idempotency-key-invalid``
    """
    raw = request.META.get(HEADER)
    if raw is None:
        raise Problem(
            "idempotency-key-missing",
            "Send an Idempotency-Key header: any string of up to 255 characters that is new for "
            "each payment, and the same when you retry it.",
        )
    key = raw[1:-1] if len(raw) > 1 and raw[0] == raw[-1] == '"' else raw
    check_key(key)
    return Claim(principal, key, fingerprint(request, body))


def check_key(key: str) -> None:
    """Refuse what cannot be a key.

    :raises Problem: ``idempotency-key-invalid``
    """
    if not _KEY.fullmatch(key):
        raise Problem(
            "idempotency-key-invalid",
            "Idempotency-Key must be 1 to 255 characters of A-Z a-z 0-9 _ - . : ~, sent once.",
        )


def look_up(principal: Principal, key: str) -> IdempotencyRecord | InProgress | None:
    """Return what is known of a key, without getting in the way of who uses it now."""
    found = IdempotencyRecord.objects.filter(
        merchant_id=principal.merchant_id, mode=principal.mode, key=key
    )
    record = found.first()
    if record is None and _is_locked(principal, key):
        return InProgress()
    # Between the two looks a request may have come to its end.
    return record or found.first()


def _is_locked(principal: Principal, key: str) -> bool:
    number = _lock_bytes(principal, key)
    halves = [int.from_bytes(half, "big") for half in (number[:4], number[4:])]
    return bool(rows(_IS_LOCKED, halves))


def fingerprint(request: Request, body: Any) -> str:
    """Return the SHA-256 of what is asked: white space and key order do not matter, values do."""
    canonical = _canonical(body)
    query = request.META.get("QUERY_STRING", "")
    parts = [str(request.method), request.path, query, API_VERSION, canonical]
    return sha256("\n".join(parts).encode()).hexdigest()


def in_progress() -> Problem:
    """Return the refusal of a duplicate whose first request still runs."""
    return Problem(
        "idempotency-in-progress",
        "A request with this Idempotency-Key is still running; retry in a second.",
        headers={"Retry-After": "1"},
    )


def replay(claim: Claim, stored_fingerprint: str, answer: Answer) -> HttpResponse:
    """Return the stored answer once more.

    :raises Problem: ``idempotency-key-reused`` if it answered another request
    """
    if stored_fingerprint != claim.fingerprint:
        raise Problem(
            "idempotency-key-reused",
            "This Idempotency-Key was first used for another request; use a new key.",
        )
    return answer.response(replayed=True)


def stored(claim: Claim) -> HttpResponse | None:
    """Return the replay of this key's answer, or None if it has none.

    :raises Problem: ``idempotency-key-reused`` if it answered another request
    """
    principal = claim.principal
    record = IdempotencyRecord.objects.filter(
        merchant_id=principal.merchant_id, mode=principal.mode, key=claim.key
    ).first()
    if record is None:
        return None
    answer = Answer(record.status, record.body, record.location, record.resource_id)
    return replay(claim, record.fingerprint, answer)


@needs_transaction
def once(claim: Claim, make: Callable[[], Answer], request_id: str) -> HttpResponse:
    """Answer from the record, or execute and record, in the caller's transaction.

    A refusal that depends on state (409, 422) is recorded, too: a retry never flips to success.

    :raises Problem: if the key is in progress or was used for something else
    """
    if not rows(_TRY_LOCK, [claim.lock_number])[0][0]:
        raise in_progress()
    reached("web.after_key_lock")
    replayed = stored(claim)
    if replayed is not None:
        return replayed
    try:
        with savepoint():
            answer = make()
    except Problem as problem:
        if problem.status not in _STORED_REFUSALS:
            raise
        answer = refusal(problem, request_id)
    IdempotencyRecord.objects.create(
        merchant_id=claim.principal.merchant_id,
        mode=claim.principal.mode,
        key=claim.key,
        fingerprint=claim.fingerprint,
        resource_id=answer.resource_id,
        status=answer.status,
        location=answer.location,
        body=answer.body,
    )
    reached("web.refund_uncommitted")
    return answer.response()


def refusal(problem: Problem, request_id: str) -> Answer:
    """Return a refusal as an answer; what was written beside it stays, unlike when it is raised."""
    return Answer(problem.status, json.dumps(problem.body(request_id), ensure_ascii=False))


def prune(kept: timedelta) -> int:
    """Delete a batch of records older than ``kept``; their keys are new again."""
    before = smallest_uuid7(time.time() - kept.total_seconds())
    with transaction():
        return len(rows(_PRUNE, {"before": before, "kept": kept, "limit": PRUNE_LIMIT}))
