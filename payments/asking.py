"""What to ask a provider about an operation, and the asking itself.

Asking by the same key may act, since the first request may never have arrived. So it is done only
while the operation is still open and its key is alive at the provider; otherwise we look. A gateway
without keys gets one automatic send, ever. A not-found soon after a send proves nothing.
"""

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any
from uuid import UUID

from django.conf import settings

from core.kill_points import reached
from core.money import STORABLE_AMOUNT_MAX
from core.provider_text import CODE_LENGTH, DETAIL_LENGTH, clean, clean_address, clean_id
from gateways import base, calling, registry
from payments.cases import Case
from payments.facts import Meaning, Said
from payments.models import AttemptKind, OperationKind
from payments.states import CaptureMethod, OperationState

# Longer than any request can stay on the wire: nothing is sent so close to the end of a key's life.
KEY_MARGIN = timedelta(minutes=10)
# Longer than any currency's code, and short enough to be read.
CURRENCY_LENGTH_MAX = 10
_KINDS: dict[type[base.Send], base.Kind] = {
    base.Charge: "charge",
    base.Capture: "capture",
    base.Void: "void",
    base.Refund: "refund",
}
_KIND_NAMES: dict[str, base.Kind] = {kind: kind for kind in _KINDS.values()}


@dataclass(frozen=True, slots=True)
class Question:
    """A call to make, as pure data. ``send`` may have an effect, ``query`` only reads.

    ``again`` says that something was sent before, so that an answer under the key may be old.
    """

    gateway: str
    attempt_id: UUID
    send: base.Send | None
    query: base.Query | None
    again: bool
    send_seconds: float  # how long from now on the provider's key may still be used

    @property
    def kind(self) -> AttemptKind:
        """Tell whether this may have an effect."""
        return AttemptKind.SEND if self.send else AttemptKind.ASK


@dataclass(frozen=True, slots=True)
class Heard:
    """What a call brought back, as columns of the attempt that intended it."""

    attempt_id: UUID
    said: Said
    provider_id: str = ""
    amount: int | None = None
    currency: str = ""
    code: str = ""
    detail: str = ""
    retry_after_seconds: float | None = None
    account: str = ""
    action_url: str = ""
    besides: tuple[base.Sighting, ...] = ()


def provider_key(operation_id: UUID, gateway: str) -> str:
    """Return the key that the provider gets: of the operation and gateway, never of the attempt."""
    return f"{operation_id.hex}-{gateway}"[:64]


def return_address(payment_id: UUID) -> str:
    """Return where a provider sends the payer of this payment back to: to us (``returning``)."""
    return f"{settings.PUBLIC_URL}/return/{payment_id}/"


class Errand(Enum):
    """How far a message may go."""

    CARRY_OUT = auto()  # send, first time or again
    INQUIRE = auto()  # send again, under the same key, what was sent before
    LOOK = auto()  # never send


def question(case: Case, attempt_id: UUID, now: datetime, errand: Errand) -> Question | None:
    """Decide what to ask now; None if nobody could answer anything.

    :raises UnknownGateway: if the operation's gateway is not configured
    """
    operation, meaning = case.operation, case.verdict().meaning
    capabilities = registry.get(operation.gateway).capabilities
    key_left = _key_seconds_left(case, capabilities, now)
    query = _query(case) if capabilities.find else None
    sent_before = meaning is not Meaning.NEVER_SENT
    send = None
    errand = errand if _is_wanted(case) else Errand.LOOK
    may_resend = capabilities.keys and key_left > 0 and not _only_looks(case, query)
    if errand is not Errand.LOOK and (may_resend if sent_before else errand is Errand.CARRY_OUT):
        send = _request(case)
    if send is None and query is None:
        return None
    if send and query:
        query = replace(query, sent_from=query.sent_from or now, sent_to=now)
    return Question(
        gateway=operation.gateway,
        attempt_id=attempt_id,
        send=send,
        query=query,
        again=sent_before,
        send_seconds=key_left,
    )


def nobody_can_send(case: Case, now: datetime) -> bool:
    """Tell whether the provider's key has lapsed past the margin, so that no send can happen."""
    capabilities = registry.get(case.operation.gateway).capabilities
    first = case.operation.first_sent_at
    if not capabilities.keys or capabilities.key_lifetime is None or first is None:
        return False
    return now - first > capabilities.key_lifetime + KEY_MARGIN


def ask(question: Question, lease_end: float) -> Heard:
    """Ask, outside any transaction; ``lease_end`` is a moment of the monotonic clock."""
    now = time.monotonic()
    margin = settings.SETTLE_MARGIN.total_seconds()
    end = min(now + settings.GATEWAY_TOTAL.total_seconds(), lease_end - margin)
    deadline = base.Deadline(end, send_before=min(end, now + question.send_seconds))
    outcome = None
    if question.send is not None:
        outcome = _send(question.gateway, question.send, _time_to_send(question, deadline, now))
        if question.query is None or not _needs_a_look(outcome, again=question.again):
            return _heard(question, outcome)
    if question.query is None:
        message = "a question sends or looks"
        raise ValueError(message)
    reached("worker.before_look")
    # A look needs no key, so it may leave when the key is dead.
    look = base.Deadline(end, send_before=end)
    finding = calling.call(question.gateway, "find", question.query, look)
    besides = () if isinstance(finding, base.Unanswered) else finding.besides
    seen = tuple(replace(one, outcome=_storable(one.outcome)) for one in besides)
    return replace(_looked(question, outcome, finding), besides=seen)


def _looked(question: Question, outcome: base.Outcome | None, finding: base.Finding) -> Heard:
    """Weigh what a look found against what the send before it was answered, if there was one."""
    if isinstance(finding, base.Found):
        return _heard(question, finding.outcome)
    if isinstance(finding, base.Unanswered) and _is_no_state(outcome):
        return Heard(question.attempt_id, Said.UNKNOWN, code=clean(finding.code, CODE_LENGTH))
    if outcome is None:
        return Heard(question.attempt_id, Said.NOT_FOUND)
    return _heard(question, outcome)


def _send(gateway: str, request: base.Send, deadline: base.Deadline) -> base.Outcome:
    return calling.call(gateway, _KINDS[type(request)], request, deadline)


def _time_to_send(question: Question, whole: base.Deadline, now: float) -> base.Deadline:
    """Keep half of the time for a look, or a provider that is slow to send would never be asked."""
    if not question.again or question.query is None:
        return whole
    half = now + (whole.at - now) / 2
    return base.Deadline(half, send_before=min(half, whole.send_before))


def _needs_a_look(outcome: base.Outcome, *, again: bool) -> bool:
    """Anything but a success that is kept under a key is an old answer, not a state."""
    return outcome.stored_answer or (again and outcome.kind is not base.OutcomeKind.SUCCEEDED)


def _is_no_state(outcome: base.Outcome | None) -> bool:
    """A decline kept under the key says what was answered once, not how it stands."""
    return outcome is None or outcome.kind is base.OutcomeKind.DECLINED


def _heard(question: Question, outcome: base.Outcome) -> Heard:
    kept = _storable(outcome)
    return Heard(
        question.attempt_id,
        Said(kept.kind.value),
        kept.provider_id,
        kept.amount,
        kept.currency,
        kept.code,
        kept.message,
        kept.retry_after_seconds,
        kept.account,
        kept.action_url,
    )


def _storable(outcome: base.Outcome) -> base.Outcome:
    if outcome.action_url:
        outcome = _with_storable_address(outcome)
    amount, message = outcome.amount, outcome.message
    if amount is not None and not 0 <= amount <= STORABLE_AMOUNT_MAX:
        # Kept as the nearest that can be: still another one than we asked for, so a person looks.
        amount = max(0, min(amount, STORABLE_AMOUNT_MAX))
        message = f"the provider's amount cannot be stored; {message}"
    return replace(
        outcome,
        provider_id=clean_id(outcome.provider_id),
        amount=amount,
        currency=clean(outcome.currency, CURRENCY_LENGTH_MAX),
        account=clean_id(outcome.account),
        code=clean(outcome.code, CODE_LENGTH),
        message=clean(message, DETAIL_LENGTH),
    )


def _is_wanted(case: Case) -> bool:
    """A charge that its merchant has let go is never sent again: it would be a new one."""
    if case.operation.kind != OperationKind.CHARGE:
        return True
    voids = (one for one in case.family if one.kind == OperationKind.VOID)
    return all(one.state == OperationState.FAILED for one in voids)


def _with_storable_address(outcome: base.Outcome) -> base.Outcome:
    """Nobody can be sent where a web address does not lead; then it is not known how it goes on."""
    may_name = outcome.kind in {base.OutcomeKind.REQUIRES_ACTION, base.OutcomeKind.PENDING}
    url = clean_address(outcome.action_url) if may_name else ""
    if outcome.kind is base.OutcomeKind.REQUIRES_ACTION and not url:
        code = "action_url_unusable"
        return replace(outcome, kind=base.OutcomeKind.UNKNOWN, action_url="", code=code)
    return replace(outcome, action_url=url)


def _only_looks(case: Case, query: base.Query | None) -> bool:
    """A provider that has the request and has not decided would only repeat that under the key."""
    return query is not None and case.verdict().meaning is Meaning.WAITING


def _key_seconds_left(case: Case, capabilities: base.Capabilities, now: datetime) -> float:
    first = case.operation.first_sent_at or now
    if capabilities.key_lifetime is None:
        return settings.RUN_LEASE.total_seconds()
    return (first + capabilities.key_lifetime - KEY_MARGIN - now).total_seconds()


def _request(case: Case) -> base.Send:
    operation, payment = case.operation, case.payment
    terms: dict[str, Any] = {
        "operation_id": operation.id,
        "key": provider_key(operation.id, operation.gateway),
        "amount": operation.amount,
        "currency": operation.currency,
    }
    if operation.kind == OperationKind.CHARGE:
        return base.Charge(
            **terms,
            payment_method=payment.payment_method,
            description=payment.description,
            captures=payment.capture_method == CaptureMethod.AUTOMATIC,
            return_url=return_address(payment.id),
        )
    if case.charge is None:
        message = f"a {operation.kind}'s case comes with its charge"
        raise ValueError(message)
    charged: dict[str, Any] = {
        "charge_operation_id": case.charge.id,
        "charge_provider_id": case.charge.provider_id,
    }
    if operation.kind == OperationKind.CAPTURE:
        return base.Capture(**terms, **charged)
    if operation.kind == OperationKind.VOID:
        return base.Void(**terms, **charged)
    reason = operation.refund.reason if operation.refund else ""
    return base.Refund(**terms, **charged, reason=reason)


def _query(case: Case) -> base.Query:
    operation = case.operation
    sends = [one.intended_at for one in case.attempts if one.kind == AttemptKind.SEND]
    return base.Query(
        operation_id=operation.id,
        kind=_KIND_NAMES[operation.kind],
        key=provider_key(operation.id, operation.gateway),
        amount=operation.amount,
        currency=operation.currency,
        sent_from=min(sends, default=None),
        sent_to=max(sends, default=None),
        charge_operation_id=case.charge.id if case.charge else None,
    )
