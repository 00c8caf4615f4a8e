"""The simulated provider of ``make up``, over HTTP as any other (docs/simulator.md)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeGuard
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
from gateways.http import Client, Response

SIGNATURE_HEADER = "Simulator-Signature"
_DAY_SECONDS = 86_400.0
_TEXT_LENGTH_MAX = 255
_PAGE_SIZE = 100
# Beyond this a list is no way to find one thing, and the question counts as unanswered.
_PAGES_MAX = 20
# Clocks differ before, and slow requests arrive after.
_WINDOW_BEFORE = timedelta(minutes=5)
_WINDOW_AFTER = timedelta(minutes=15)

_STATUSES: dict[tuple[str, str], OutcomeKind] = {
    ("charge", "captured"): OutcomeKind.SUCCEEDED,
    ("charge", "failed"): OutcomeKind.DECLINED,
    ("charge", "pending"): OutcomeKind.PENDING,
    ("refund", "succeeded"): OutcomeKind.SUCCEEDED,
    ("refund", "failed"): OutcomeKind.DECLINED,
    ("refund", "pending"): OutcomeKind.PENDING,
}
# What is there more than once is told by what moved money, else by what still may.
_RANKS = (OutcomeKind.SUCCEEDED, OutcomeKind.PENDING, OutcomeKind.DECLINED)
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
        self._account = account
        self._secrets = tuple(webhook_secrets)
        self.capabilities = Capabilities(
            keys=keys,
            key_lifetime=timedelta(seconds=key_lifetime_seconds) if keys else None,
            find=True,
            webhooks=True,
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
        }
        response = self._client.post("/v1/charges", content, charge.key, deadline)
        return self._answered("charge", charge.operation_id, response)

    def capture(self, capture: Capture, deadline: Deadline) -> Outcome:
        """Take nothing: we have nothing held there.

        :raises NotSent: always
        """
        raise NotSent("nothing is held", code="not_offered")

    def void(self, void: Void, deadline: Deadline) -> Outcome:
        """Let nothing go: we have nothing held there.

        :raises NotSent: always
        """
        raise NotSent("nothing is held", code="not_offered")

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
        reference = str(query.operation_id)
        found, _ = self._page(query.kind, {"reference": reference}, deadline)
        others: list[Any] = []
        if not found and query.sent_from and query.sent_to:
            listed = list(self._list(query.kind, query.sent_from, query.sent_to, deadline))
            found = [item for item in listed if item.get("reference") == reference]
            charge = str(query.charge_operation_id)
            others = [item for item in listed if item.get("charge_reference") == charge]
        seen = [self._sighting(query.kind, item) for item in (*found, *others)]
        moved = [one for one in seen if one.outcome.kind is OutcomeKind.SUCCEEDED]
        ours = [one for one in seen if one.reference == reference]
        if not ours:
            return NotFound(tuple(moved))
        chosen = min(ours, key=_rank)
        return Found(chosen.outcome, tuple(one for one in moved if one is not chosen))

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: float) -> Notice:
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
            raise NoticeMalformed(message[:_TEXT_LENGTH_MAX]) from error

    def _answered(self, kind: Kind, operation_id: UUID, response: Response) -> Outcome:
        if response.status in _STRANGERS:
            message = f"status {response.status}"
            raise NotSent(message, code="unauthorized")
        content = response.content()
        if response.status in _DONE:
            outcome = self._outcome(kind, operation_id, content)
        elif response.status in _REFUSED:
            error = content.get("error")
            outcome = declined(_text(error, "code"), _text(error, "message"))
        else:
            message = f"status {response.status}: {_text(content.get('error'), 'code')}"
            raise UnexpectedAnswer(message)
        is_old = response.headers.get("Idempotent-Replayed") == "true"
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

    def _notice(self, event: Any, signed_at: datetime) -> Notice:
        content = event.get("data") if isinstance(event, dict) else None
        kind: Kind = "refund" if _text(content, "object") == "refund" else "charge"
        seen = self._sighting(kind, content)
        return Notice(
            event_id=_text(event, "id"),
            kind=kind,
            outcome=seen.outcome,
            reference=seen.reference,
            provider_id=seen.outcome.provider_id,
            occurred_at=signed_at,
            charge_reference=seen.charge_reference,
        )

    def _sighting(self, kind: Kind, content: Any) -> Sighting:
        return Sighting(
            kind=kind,
            outcome=self._outcome(kind, None, content),
            reference=_text(content, "reference"),
            charge_reference=_text(content, "charge_reference") if kind == "refund" else "",
        )

    def _outcome(self, kind: Kind, operation_id: UUID | None, content: Any) -> Outcome:
        """Read a charge or refund, which has to be the one asked about, if one was."""
        named = (_text(content, "object"), _text(content, "status"))
        status = _STATUSES.get(named)
        if named[0] != kind or status is None:
            message = f"no {kind} that we know: {named}"
            raise UnexpectedAnswer(message)
        account = _text(content, "account")
        if operation_id and _text(content, "reference") != str(operation_id):
            message = "it is about another reference"
            raise UnexpectedAnswer(message)
        is_charged = kind == "charge" and status is OutcomeKind.SUCCEEDED
        is_refused = status is OutcomeKind.DECLINED
        return Outcome(
            kind=status,
            provider_id=_text(content, "id"),
            amount=_amount(content, "captured_amount" if is_charged else "amount"),
            currency=_text(content, "currency"),
            account="" if account == self._account else account,
            code=_text(content.get("failure"), "code") if is_refused else "",
            message=_text(content.get("failure"), "message") if is_refused else "",
        )


def _rank(one: Sighting) -> tuple[bool, int]:
    return bool(one.outcome.account), _RANKS.index(one.outcome.kind)


def _text(content: Any, member: str) -> str:
    value = content.get(member) if isinstance(content, dict) else None
    if not _is_short_text(value):
        message = f"{member} is not a short text"
        raise UnexpectedAnswer(message)
    return value


def _is_short_text(value: Any) -> TypeGuard[str]:
    # Unprintable covers NUL and lone surrogates, which no database column takes.
    return isinstance(value, str) and 0 < len(value) <= _TEXT_LENGTH_MAX and value.isprintable()


def _amount(content: dict[str, Any], member: str) -> int:
    value = content.get(member)
    if type(value) is not int or value <= 0:
        message = f"{member} is not an amount"
        raise UnexpectedAnswer(message)
    return value
