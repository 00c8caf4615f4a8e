"""The simulated provider of ``make up``, over HTTP as any other (docs/simulator.md)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from gateways import signatures
from gateways.base import (
    AnswerLost,
    Capabilities,
    Capture,
    Charge,
    Deadline,
    Found,
    Kind,
    NotFound,
    Notice,
    NoticeMalformed,
    NotSent,
    Outcome,
    OutcomeKind,
    Query,
    Refund,
    Sighting,
    UnexpectedAnswer,
    Void,
    declined,
)
from gateways.disputes import DisputeNotice
from gateways.http import Client, Response
from gateways.simulated import disputes
from gateways.simulated.objects import NOT_HELD, TEXT_LENGTH_MAX, Reader, not_held, text

SIGNATURE_HEADER = "Simulator-Signature"
_DAY_SECONDS = 86_400.0
_PAGE_SIZE = 100
# Beyond this a list is no way to find one thing, and the question counts as unanswered.
_PAGES_MAX = 20
# Clocks differ before, and slow requests arrive after.
_WINDOW_BEFORE = timedelta(minutes=5)
_WINDOW_AFTER = timedelta(minutes=15)

# What is there more than once is told by what moved money, else by what still may.
_RANKS = (
    OutcomeKind.SUCCEEDED,
    OutcomeKind.PENDING,
    OutcomeKind.REQUIRES_ACTION,
    OutcomeKind.DECLINED,
)
_DONE = {HTTPStatus.OK, HTTPStatus.CREATED}
_REFUSED = {HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
_STRANGERS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class Simulator:
    """Charges and refunds at the simulator; ``account`` is the one that has to stand in answers."""

    def __init__(  # noqa: PLR0913 - the options of a settings entry, by name only
        self,
        *,
        url: str,
        api_key: str,
        account: str,
        webhook_secrets: Sequence[str] = (),
        keys: bool = True,
        key_lifetime_seconds: float = _DAY_SECONDS,
    ) -> None:
        self._client = Client(url, {"Authorization": f"Bearer {api_key}"})
        self._reader = Reader(account)
        self._secrets = tuple(webhook_secrets)
        self.capabilities = Capabilities(
            keys=keys,
            key_lifetime=timedelta(seconds=key_lifetime_seconds) if keys else None,
            find=True,
            webhooks=True,
            captures=True,
            voids=True,
        )

    def charge(self, charge: Charge, deadline: Deadline) -> Outcome:
        """Take money.

        :raises NotSent: if there was certainly no effect
        :raises AnswerLost: if there may have been one
        :raises UnexpectedAnswer: if the answer is not one that we know
        """
        content = {
            "reference": str(charge.operation_id),
            "amount": charge.amount,
            "currency": charge.currency,
            "payment_method": charge.payment_method,
            "description": charge.description,
            "capture": charge.captures,
            "return_url": charge.return_url,
        }
        response = self._client.post("/v1/charges", content, charge.key, deadline)
        return self._answered("charge", charge.operation_id, response)

    def capture(self, capture: Capture, deadline: Deadline) -> Outcome:
        """Take what is held, or a part of it.

        :raises NotSent: if there was certainly no effect
        :raises AnswerLost: if there may have been one
        :raises UnexpectedAnswer: if the answer is not one that we know
        """
        content = {"reference": str(capture.operation_id), "amount": capture.amount}
        path = f"/v1/charges/{capture.charge_provider_id}/capture"
        response = self._client.post(path, content, capture.key, deadline)
        return self._answered("capture", capture.operation_id, response)

    def void(self, void: Void, deadline: Deadline) -> Outcome:
        """Let go of what is held.

        :raises NotSent: if there was certainly no effect
        :raises AnswerLost: if there may have been one
        :raises UnexpectedAnswer: if the answer is not one that we know
        """
        content = {"reference": str(void.operation_id)}
        path = f"/v1/charges/{void.charge_provider_id}/void"
        response = self._client.post(path, content, void.key, deadline)
        return self._answered("void", void.operation_id, response)

    def refund(self, refund: Refund, deadline: Deadline) -> Outcome:
        """Give money back.

        :raises NotSent: if there was certainly no effect
        :raises AnswerLost: if there may have been one
        :raises UnexpectedAnswer: if the answer is not one that we know
        """
        content = {
            "reference": str(refund.operation_id),
            "amount": refund.amount,
            "currency": refund.currency,
            "charge": refund.charge_provider_id,
            "charge_reference": str(refund.charge_operation_id),
            "reason": refund.reason,
        }
        response = self._client.post("/v1/refunds", content, refund.key, deadline)
        return self._answered("refund", refund.operation_id, response)

    def find(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Look an operation up by our reference, then in the list of the time of its sends.

        :raises NotSent: if the question was not asked
        :raises AnswerLost: if the answer did not arrive
        :raises UnexpectedAnswer: if the answer is not one that we know
        """
        if query.kind in {"capture", "void"}:
            return self._find_on_charge(query, deadline)
        reference = str(query.operation_id)
        found, _ = self._page(query.kind, {"reference": reference}, deadline)
        others: list[Any] = []
        if not found and query.sent_from and query.sent_to:
            listed = list(self._list(query.kind, query.sent_from, query.sent_to, deadline))
            found = [item for item in listed if item.get("reference") == reference]
            charge = str(query.charge_operation_id)
            others = [item for item in listed if item.get("charge_reference") == charge]
        seen = [one for item in (*found, *others) for one in self._reader.sightings(item)]
        return _found([one for one in seen if one.kind == query.kind], reference, seen)

    def _find_on_charge(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Look at the charge, which tells what was done to it, and by whose request."""
        reference = str(query.operation_id)
        found, _ = self._page("charge", {"reference": str(query.charge_operation_id)}, deadline)
        seen = [one for item in found for one in self._reader.sightings(item)]
        done = [one for one in seen if one.kind != "charge"]
        if any(one.kind == query.kind and one.reference == reference for one in done):
            return _found([one for one in done if one.kind == query.kind], reference, done)
        if done and len(done) == len(found):
            # Whatever else comes of it, there is nothing left to take or let go.
            return Found(not_held(done[0]), tuple(done))
        return NotFound(tuple(done))

    def read_webhook(
        self, headers: Mapping[str, str], body: bytes, now: float
    ) -> Notice | DisputeNotice:
        """Verify the raw body, then read it.

        :raises SignatureInvalid: if no active secret made the signature
        :raises SignatureStale: if its time is more than the tolerance away, before or after
        :raises NoticeMalformed: if it is not about a charge or refund of our account
        """
        signed_at = signatures.verify(
            headers, SIGNATURE_HEADER, body, secrets=self._secrets, now=now
        )
        try:
            return self._notice(json.loads(body), signed_at)
        except (ValueError, RecursionError, UnexpectedAnswer) as error:
            message = f"not an event that we know: {type(error).__name__} {error}"
            raise NoticeMalformed(message[:TEXT_LENGTH_MAX]) from error

    def _answered(self, kind: Kind, operation_id: UUID, response: Response) -> Outcome:
        if response.status in _STRANGERS:
            message = f"status {response.status}"
            raise NotSent(message, code="unauthorized")
        content = response.content()
        if response.status in _DONE:
            outcome = self._outcome(kind, operation_id, content)
        elif response.status in _REFUSED or _is_not_held(content):
            error = content.get("error")
            outcome = declined(text(error, "code"), text(error, "message"))
        else:
            message = f"status {response.status}: {text(content.get('error'), 'code')}"
            raise UnexpectedAnswer(message)
        # That nothing is held says what is so, not who did it: that may have been this request.
        is_old = response.headers.get("Idempotent-Replayed") == "true" or _is_not_held(content)
        is_stored = is_old and outcome.kind is not OutcomeKind.SUCCEEDED
        return replace(outcome, stored_answer=is_stored)

    def _list(
        self, kind: Kind, sent_from: datetime, sent_to: datetime, deadline: Deadline
    ) -> Iterator[dict[str, Any]]:
        params = {
            "created_from": (sent_from - _WINDOW_BEFORE).isoformat(),
            "created_to": (sent_to + _WINDOW_AFTER).isoformat(),
        }
        for _ in range(_PAGES_MAX):
            if not deadline.may_send():
                raise AnswerLost("no time for the whole list", code="timeout")
            found, following = self._page(kind, params, deadline)
            yield from found
            if following is None:
                return
            params["after"] = following
        raise AnswerLost("the list is longer than we read", code="list_too_long")

    def _page(
        self, kind: Kind, params: Mapping[str, str], deadline: Deadline
    ) -> tuple[list[dict[str, Any]], str | None]:
        asked = {**params, "limit": str(_PAGE_SIZE)}
        response = self._client.get(f"/v1/{kind}s", asked, deadline)
        content = response.content() if response.status in _DONE else {}
        found, following = content.get("results"), content.get("next")
        if not isinstance(found, list) or not isinstance(following, str | None):
            message = f"status {response.status} without a page of results"
            raise UnexpectedAnswer(message)
        return found, following

    def _notice(self, event: Any, signed_at: datetime) -> Notice | DisputeNotice:
        content = event.get("data") if isinstance(event, dict) else None
        if disputes.is_dispute(content):
            event_id, account = text(event, "id"), self._reader.account
            return disputes.read(content, event_id=event_id, account=account, occurred_at=signed_at)
        news = self._reader.sightings(content)[-1]
        return Notice(
            event_id=text(event, "id"),
            kind=news.kind,
            outcome=news.outcome,
            reference=news.reference,
            provider_id=news.outcome.provider_id,
            occurred_at=signed_at,
            charge_reference=news.charge_reference,
        )

    def _outcome(self, kind: Kind, operation_id: UUID, content: Any) -> Outcome:
        """Read what became of the operation that the answer has to be about."""
        found = [one for one in self._reader.sightings(content) if one.kind == kind]
        if not found:
            message = f"no {kind}"
            raise UnexpectedAnswer(message)
        if found[0].reference != str(operation_id):
            message = "it is about another reference"
            raise UnexpectedAnswer(message)
        return found[0].outcome


def _found(ours: Sequence[Sighting], reference: str, seen: Sequence[Sighting]) -> Found | NotFound:
    """Choose what tells of this reference; all else that happened is besides."""
    moved = [one for one in seen if one.outcome.kind is OutcomeKind.SUCCEEDED]
    named = [one for one in ours if one.reference == reference]
    if not named:
        return NotFound(tuple(moved))
    chosen = min(named, key=_rank)
    return Found(chosen.outcome, tuple(one for one in moved if one is not chosen))


def _is_not_held(content: Mapping[str, Any]) -> bool:
    error = content.get("error")
    return isinstance(error, dict) and error.get("code") == NOT_HELD


def _rank(one: Sighting) -> tuple[bool, int]:
    return bool(one.outcome.account), _RANKS.index(one.outcome.kind)
