"""What a worker does for a charge, capture, void, refund, or an inquiry: local, foreign, local.

An inquiry differs in one thing: it never makes the first send. An operation whose earlier attempt
went unanswered becomes one by itself, in the same message, until the provider's answer is known.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from core.db import rows_of_values
from core.ids import uuid7
from core.kill_points import reached
from core.logging import get_logger
from core.metrics import STARTS_ON_SETTLED
from gateways import registry
from outbox import operating, staging
from outbox.handling import Again, Call, Completion, Done, Plan, Started
from payments import asking, cases, sightings
from payments.advancing import Cause
from payments.asking import Errand, Heard, Question
from payments.cases import Case, Docket
from payments.changes import Changes
from payments.facts import NOBODY_CAN_SEND, Meaning, Said, Verdict
from payments.models import Attempt, AttemptKind, Operation, OperationKind
from payments.outcomes import apply
from payments.pacing import REVIEWED_INQUIRY, inquiry_delay, retry_delay
from payments.reviews import is_over, review
from payments.states import OperationState, Status

log = get_logger(__name__)

INQUIRE = "inquire"
RECHECK = "recheck"

_ANSWER = """
    UPDATE payments_attempt a
    SET answered_at = now(), outcome = v.outcome, provider_id = v.provider_id, amount = v.amount,
        currency = v.currency, account = v.account, action_url = v.action_url, code = v.code,
        detail = v.detail
    FROM (VALUES %s) AS v(id, outcome, provider_id, amount, currency, account, action_url, code,
                          detail)
    WHERE a.id = v.id AND a.answered_at IS NULL
    RETURNING a.id
"""


def lane(kind: str, gateway: str) -> str:
    """Return the lane of messages that may be slow together."""
    return f"{kind}:{gateway}"


ERRANDS = {
    **dict.fromkeys(OperationKind.values, Errand.CARRY_OUT),
    INQUIRE: Errand.INQUIRE,
    RECHECK: Errand.LOOK,
}

# An operation that is carried out asks for itself what became of an earlier call.
operating.GIVING_WAY.add(INQUIRE)


class OperationHandler:
    """Carries out operations at their gateways."""

    kinds = frozenset(ERRANDS)

    def load(self, subjects: Sequence[UUID]) -> Docket:
        """Lock the payments of these operations and read what is known of them."""
        return cases.load(subjects)

    def describe(self, case: Docket, subject_id: UUID) -> dict[str, str]:
        """Return the ids that log lines about this operation carry."""
        known = case.cases.get(subject_id)
        if known is None:
            return {"operation_id": str(subject_id)}
        return {
            "operation_id": str(subject_id),
            "payment_id": str(known.payment.id),
            "merchant_id": str(known.payment.merchant_id),
        }

    def prepare(self, case: Docket, messages: Sequence[Started]) -> Mapping[UUID, Plan]:
        """Write down what we are about to ask, and return it."""
        changes, attempts = Changes(case.now), list[Attempt]()
        plans = {
            message.id: self._plan(case.cases.get(message.subject_id), message, changes, attempts)
            for message in messages
        }
        changes.flush()
        Attempt.objects.bulk_create(attempts)
        sent = [a.operation_id for a in attempts if a.kind == AttemptKind.SEND]
        Operation.objects.filter(id__in=sent, first_sent_at=None).update(first_sent_at=Now())
        return plans

    def _plan(
        self, case: Case | None, message: Started, changes: Changes, attempts: list[Attempt]
    ) -> Plan:
        if case is None:
            log.error("message.without_subject", message_id=str(message.id))
            return Done("without_subject")
        if not _is_to_be_asked(case, message.kind):
            if message.kind != RECHECK and _was_answered(case):
                # A webhook overtakes us every day; an answer closes its message as it settles.
                STARTS_ON_SETTLED.inc()
            return Done("settled_before")
        if message.kind != RECHECK and case.verdict().meaning is not Meaning.NEVER_SENT:
            known = apply(case, changes, Cause("message", message.id))
            if known.meaning in {Meaning.SUCCEEDED, Meaning.FAILED}:
                return Done(known.meaning.value)  # it was answered, only never settled
        question = _question(case, message, changes)
        if not isinstance(question, Question):
            return question
        if case.payment.status == Status.CREATED:
            changes.move(case.payment, Status.PROCESSING, cause="message", cause_id=message.id)
            changes.tell("payment.processing", case.payment)
        attempts.append(
            Attempt(
                id=question.attempt_id,
                operation=case.operation,
                kind=question.kind,
                provider_key=asking.provider_key(case.operation.id, case.operation.gateway),
                message_id=message.id,
                epoch=message.epoch,
            )
        )
        return Call(question)

    def call(self, request: Question, lease: float) -> Heard:
        """Ask the provider."""
        return asking.ask(request, lease)

    def settle(
        self, case: Docket, answers: Sequence[tuple[Started, Any]]
    ) -> Mapping[UUID, Completion]:
        """Write down what was heard, and what it means."""
        changes = Changes(case.now)
        self.record(case, answers)
        reached("worker.after_answer_stored")
        ends = {}
        for message, heard in answers:
            known = case.cases[message.subject_id]
            verdict = apply(known, changes, Cause("attempt", heard.attempt_id))
            ends[message.id] = _completion(known, message, heard, verdict, changes)
        changes.flush()
        reached("worker.after_outcome")
        return ends

    def record(self, case: Docket, answers: Sequence[tuple[Started, Any]]) -> None:
        """Store what was heard on the attempts that asked; what is known already stays."""
        values, shown = [], []
        for message, heard in answers:
            known = case.cases[message.subject_id]
            attempt = next(a for a in known.attempts if a.id == heard.attempt_id)
            if attempt.answered_at is None:
                _write_answer(attempt, known, heard, case.now)
                shown += [(known, attempt, one) for one in heard.besides]
                values.append(
                    (attempt.id, attempt.outcome, attempt.provider_id, attempt.amount,
                     attempt.currency, attempt.account, attempt.action_url, attempt.code,
                     attempt.detail)
                )  # fmt: skip
        rows_of_values(_ANSWER, "(%s::uuid, %s, %s, %s::bigint, %s, %s, %s, %s, %s)", values)
        changes = Changes(case.now)
        sightings.take(shown, changes)
        changes.flush()

    def refold(self, case: Docket, messages: Sequence[Started]) -> None:
        """Bring the payments to what the facts mean, and have whoever holds a message see it."""
        changes = Changes(case.now)
        for message in messages:
            apply(case.cases[message.subject_id], changes, Cause("message", message.id))
        changes.flush()
        staging.hasten([message.subject_id for message in messages])

    def bury(self, case: Docket, messages: Sequence[Started], reason: str) -> None:
        """Ask for a person, and go on asking the provider."""
        changes = Changes(case.now)
        for message in messages:
            known = case.cases.get(message.subject_id)
            if known is None or known.operation.state != OperationState.OPEN:
                continue
            why = f"its {message.kind} message died: {reason}"
            review(known.payment, changes, why, known.operation)
            staging.stage(
                kind=INQUIRE,
                lane=lane(INQUIRE, known.operation.gateway),
                subject_id=message.subject_id,
                delay=REVIEWED_INQUIRY if message.kind == INQUIRE else None,
                trace=message.trace,
            )
        changes.flush()


def _is_to_be_asked(case: Case, kind: str) -> bool:
    """Tell whether an operation stands as its message expects."""
    if kind != RECHECK:
        return case.operation.state == OperationState.OPEN
    is_held = case.payment.status == Status.AUTHORIZED
    is_what_holds = case.operation.kind == OperationKind.CHARGE and is_held
    return case.operation.state == OperationState.FAILED or is_what_holds


def _question(case: Case, message: Started, changes: Changes) -> Question | Done | Again:
    """Return what to ask, or what becomes of the message if nobody can be asked."""
    is_recheck = message.kind == RECHECK  # it comes again by itself, and no person is needed
    try:
        question = asking.question(case, uuid7(), changes.now, ERRANDS[message.kind])
    except registry.UnknownGateway as error:
        if is_recheck:
            return Done("gateway_missing")
        review(case.payment, changes, f"no gateway {error} is configured", case.operation)
        return Again(REVIEWED_INQUIRY, "gateway_missing", spends=False)
    if question is None:
        if not is_recheck:
            review(case.payment, changes, "the provider cannot be asked", case.operation)
        return Done("nobody_to_ask")
    return question


def _was_answered(case: Case) -> bool:
    final = {Said.SUCCEEDED.value, Said.DECLINED.value}
    return any(attempt.outcome in final for attempt in case.attempts)


def _write_answer(attempt: Attempt, case: Case, heard: Heard, now: datetime) -> None:
    attempt.answered_at = now
    attempt.outcome, attempt.provider_id = heard.said.value, heard.provider_id
    attempt.amount, attempt.currency = heard.amount, heard.currency
    attempt.account, attempt.code, attempt.detail = heard.account, heard.code, heard.detail
    attempt.action_url = heard.action_url
    if heard.said is Said.NOT_FOUND and asking.nobody_can_send(case, attempt.intended_at):
        attempt.code = NOBODY_CAN_SEND


def _completion(
    case: Case, message: Started, heard: Heard, verdict: Verdict, changes: Changes
) -> Completion:
    match verdict.meaning:
        case Meaning.SUCCEEDED | Meaning.FAILED if (
            message.kind == RECHECK and heard.said is Said.UNKNOWN
        ):
            return Again(retry_delay(message, heard), "unanswered", spends=True)
        case Meaning.SUCCEEDED | Meaning.FAILED:
            return Done(verdict.meaning.value)
        case _ if message.kind == RECHECK:  # the next one looks again, and a person does
            return Done(verdict.meaning.value)
        case Meaning.NEVER_SENT if message.kind != INQUIRE:
            return Again(retry_delay(message, heard), "not_sent", spends=True, error=_error(heard))
        case _:
            _review_if_hopeless(case, heard, changes)
            return Again(
                inquiry_delay(case, verdict, changes.now),
                verdict.meaning.value,
                spends=False,
                lane=lane(INQUIRE, case.operation.gateway),
                error=f"{heard.said.value}: {verdict.review}" if verdict.review else _error(heard),
            )


def _error(heard: Heard) -> str:
    return f"{heard.said.value} {heard.code} {heard.detail}".strip()


def _review_if_hopeless(case: Case, heard: Heard, changes: Changes) -> None:
    """A clock never fails a payment; it only calls for a person, who has not looked before."""
    if is_over(case):
        return
    since = (case.operation.refund or case.payment).outcome_unknown_since
    if since and changes.now - since > settings.REVIEW_AFTER:
        review(case.payment, changes, "its outcome is still unknown", case.operation)
    sends = [a.intended_at for a in case.attempts if a.kind == AttemptKind.SEND]
    is_settled_read = not sends or changes.now - max(sends) > settings.STALE_READ_WINDOW
    if heard.said is Said.NOT_FOUND and is_settled_read:
        review(case.payment, changes, "the provider does not know it", case.operation)
