"""The provider behind all mocks: it carries out a script and writes the books."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import assert_never

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
    NotSent,
    Outcome,
    OutcomeKind,
    Query,
    Refund,
    Void,
)
from gateways.disputes import DisputeNotice
from gateways.mocks import actions, tokens, webhook
from gateways.mocks.actions import Asked
from gateways.mocks.book import EXPIRED, Entry, Written, book_at, expiry_of
from gateways.mocks.notifier import Notifier
from gateways.mocks.tokens import After, Before, Script

_RETRY_AFTER_SECONDS = 1.0
_DAY_SECONDS = 86_400.0
_DISPUTE_REASON = "fraudulent"


class MockProvider:
    """Everything the mocks share. Each of them only chooses the scripts."""

    def __init__(  # noqa: PLR0913 - the options of a settings entry, by name only
        self,
        *,
        database: str,
        webhook_secrets: Sequence[str] = (),
        webhook_url: str = "",
        keys: bool = True,
        find: bool = True,
        key_lifetime_seconds: float = _DAY_SECONDS,
        public_url: str = "http://127.0.0.1:8005",
    ) -> None:
        self._book = book_at(database)
        self._secrets = tuple(webhook_secrets)
        self._key_lifetime_seconds = key_lifetime_seconds if keys else None
        self._capabilities = Capabilities(
            keys=keys,
            key_lifetime=timedelta(seconds=key_lifetime_seconds) if keys else None,
            find=find,
            webhooks=True,
            captures=True,
            voids=True,
        )
        self._pages = f"{public_url}/mock/actions"
        can_send = bool(webhook_url and self._secrets)
        self._notifier = (
            Notifier(webhook_url, self._secrets[0], self._book.settle_due) if can_send else None
        )

    @property
    def capabilities(self) -> Capabilities:
        """What this mock can do."""
        return self._capabilities

    def charge_script(self, payment_method: str) -> Script:
        """Choose what happens to a charge."""
        return tokens.SUCCESS

    def capture_script(self, payment_method: str) -> Script:
        """Choose what happens to a capture, by what its charge was paid with."""
        return tokens.SUCCESS

    def void_script(self, payment_method: str) -> Script:
        """Choose what happens to a void, by what its charge was paid with."""
        return tokens.SUCCESS

    def refund_script(self, payment_method: str) -> Script:
        """Choose what happens to a refund, by what its charge was paid with."""
        return tokens.SUCCESS

    def charge(self, charge: Charge, deadline: Deadline) -> Outcome:
        """Take money, or have it held, or play the script's fault.

        :raises NotSent: if the script says so
        :raises AnswerLost: if the script says so, or the deadline passes first
        """
        script = self.charge_script(charge.payment_method)
        entry = Entry(
            kind="charge",
            operation=str(charge.operation_id),
            key=charge.key,
            amount=charge.amount + script.amount_excess,
            currency=charge.currency,
            payment_method=charge.payment_method,
            script=script,
            holds=not charge.captures,
            pages=self._pages,
            return_url=charge.return_url,
        )
        return self._carry_out(entry, deadline)

    def capture(self, capture: Capture, deadline: Deadline) -> Outcome:
        """Take what is held, or a part of it, or play the script's fault.

        :raises NotSent: if the script says so
        :raises AnswerLost: if the script says so, or the deadline passes first
        """
        return self._done_to_charge("capture", capture, self.capture_script, deadline)

    def void(self, void: Void, deadline: Deadline) -> Outcome:
        """Let go of what is held, or play the script's fault.

        :raises NotSent: if the script says so
        :raises AnswerLost: if the script says so, or the deadline passes first
        """
        return self._done_to_charge("void", void, self.void_script, deadline)

    def refund(self, refund: Refund, deadline: Deadline) -> Outcome:
        """Give money back, or play the script's fault; never more than was charged.

        :raises NotSent: if the script says so
        :raises AnswerLost: if the script says so, or the deadline passes first
        """
        return self._done_to_charge("refund", refund, self.refund_script, deadline)

    def _done_to_charge(
        self,
        kind: Kind,
        request: Capture | Void | Refund,
        choose: Callable[[str], Script],
        deadline: Deadline,
    ) -> Outcome:
        charge_operation = str(request.charge_operation_id)
        script = choose(self._book.payment_method(charge_operation))
        entry = Entry(
            kind=kind,
            operation=str(request.operation_id),
            key=request.key,
            amount=request.amount + script.amount_excess,
            currency=request.currency,
            charge_operation=charge_operation,
            script=script,
        )
        return self._carry_out(entry, deadline)

    def find(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Look the operation up in the books."""
        return self._book.find(query.kind, str(query.operation_id))

    def read_webhook(
        self, headers: Mapping[str, str], body: bytes, now: float
    ) -> Notice | DisputeNotice:
        """Verify and read a webhook; without secrets nobody can have signed one.

        :raises SignatureInvalid: if no active secret made the signature
        :raises SignatureStale: if it was made too far from now
        :raises NoticeMalformed: if the body is not one of the mocks' events
        """
        return webhook.read(headers, body, secrets=self._secrets, now=now)

    def asked(self, provider_id: str) -> Asked | None:
        """Return what a payer is asked at our page, or was; None if nobody has to act for it."""
        return actions.asked(self._book, provider_id)

    def act(self, provider_id: str, *, approves: bool) -> None:
        """Let the payer approve or refuse; what does not wait for that stays as it is."""
        news = actions.act(self._book, provider_id, approves=approves)
        if news and self._notifier is not None:
            self._notifier.send_at(time.time(), news)

    def _carry_out(self, entry: Entry, deadline: Deadline) -> Outcome:
        self._fail_before(entry)
        written = self._book.write(entry, key_lifetime_seconds=self._key_lifetime_seconds)
        self._announce(entry, written)
        self._announce_expiry(entry, written)
        self._dispute(entry, written)
        _wait(entry.script.seconds, deadline)
        self._fail_after(entry, written.outcome.provider_id, deadline)
        return written.outcome

    def _fail_before(self, entry: Entry) -> None:
        match entry.script.before:
            case None:
                return
            case Before.UNAVAILABLE:
                raise NotSent("connection refused", code="unavailable")
            case fault:
                if not self._book.first_time(entry.operation, fault.name):
                    return
        match fault:
            case Before.UNAVAILABLE_ONCE:
                raise NotSent("connection refused", code="unavailable")
            case Before.RATE_LIMITED_ONCE:
                raise NotSent(
                    "status 429", code="rate_limited", retry_after_seconds=_RETRY_AFTER_SECONDS
                )
            case Before.LOST_ONCE:
                raise AnswerLost("connection cut")
            case Before.SERVER_ERROR_ONCE:
                raise AnswerLost("status 500", code="server_error")
            case _:
                assert_never(fault)

    def _fail_after(self, entry: Entry, provider_id: str, deadline: Deadline) -> None:
        match entry.script.after:
            case None:
                return
            case After.LOST_ONCE:
                if self._book.first_time(entry.operation, After.LOST_ONCE.name):
                    raise AnswerLost("connection cut")
            case After.SERVER_ERROR_STORED:
                raise AnswerLost("status 500", code="server_error")
            case After.SERVER_ERROR_WHILE_HIDDEN:
                if self._book.is_hidden(provider_id):
                    raise AnswerLost("status 503", code="server_error")
            case After.TOO_SLOW:
                _wait(deadline.remaining(), deadline)
                raise AnswerLost("no answer in time", code="timeout")
            case fault:
                assert_never(fault)

    def _announce(self, entry: Entry, written: Written) -> None:
        if self._notifier is None or not entry.script.webhook or written.due_at is None:
            return
        succeeded = entry.script.due_status is OutcomeKind.SUCCEEDED
        body = {
            "id": f"evt_{written.outcome.provider_id}",
            "type": f"{entry.kind}.{'succeeded' if succeeded else 'failed'}",
            "reference": entry.operation,
            "provider_id": written.outcome.provider_id,
            "amount": entry.amount,
            "currency": entry.currency,
            "code": entry.script.due_code,
        }
        script, known = entry.script, written.outcome
        # A person may have acted before the clock did.
        is_true = lambda: actions.came_to(  # noqa: E731
            self._book, known.provider_id, script.due_status, script.due_code
        )
        waits = known.kind is OutcomeKind.REQUIRES_ACTION
        self._notifier.send_at(
            written.due_at, json.dumps(body).encode(), is_true if waits else None
        )

    def _announce_expiry(self, entry: Entry, written: Written) -> None:
        if self._notifier is None or written.expires_at is None:
            return
        provider_id = expiry_of(written.outcome.provider_id)
        body = {
            "id": f"evt_{provider_id}",
            "type": "void.succeeded",
            "reference": EXPIRED,
            "charge_reference": entry.operation,
            "provider_id": provider_id,
            "amount": entry.amount,
            "currency": entry.currency,
        }
        self._notifier.send_at(
            written.expires_at,
            json.dumps(body).encode(),
            lambda: self._book.holds_object(provider_id),
        )

    def _dispute(self, entry: Entry, written: Written) -> None:
        """Tell of a dispute over what was captured, step by step, as a payer's bank opens it."""
        is_captured = written.outcome.kind is OutcomeKind.SUCCEEDED and not entry.holds
        if self._notifier is None or not (written.is_new and is_captured):
            return
        for step, said in enumerate(entry.script.disputes, start=1):
            body = {
                "id": f"evt_{said}_{written.outcome.provider_id}",
                "type": f"dispute.{said}",
                "charge_reference": entry.charge_operation or entry.operation,
                "provider_id": f"dp_{written.outcome.provider_id}",
                "amount": entry.amount,
                "currency": entry.currency,
                "code": _DISPUTE_REASON,
            }
            at = time.time() + step * tokens.DISPUTE_SECONDS
            self._notifier.send_at(at, json.dumps(body).encode())


def _wait(seconds: float, deadline: Deadline) -> None:
    time.sleep(min(seconds, deadline.remaining()))
    if seconds and deadline.passed:
        message = "no answer in time"
        raise AnswerLost(message, code="timeout")
