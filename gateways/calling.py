"""The one way the rest of the system calls a gateway.

Seconds of retrying happen here; minutes and more belong to the outbox, and no longer to this call.
"""

import time
import traceback
from dataclasses import dataclass, replace
from typing import Literal, assert_never, overload

from tenacity import RetryCallState, Retrying, retry_if_result, wait_exponential_jitter

from core.db import outside_transaction
from core.kill_points import reached
from core.logging import get_logger
from core.metrics import GATEWAY_CALLS, GATEWAY_SECONDS
from gateways import registry
from gateways.base import (
    AnswerLost,
    Capture,
    Charge,
    Deadline,
    Finding,
    Found,
    Gateway,
    Kind,
    NotFound,
    NotSent,
    Outcome,
    OutcomeKind,
    Query,
    Refund,
    Send,
    Unanswered,
    Void,
    not_sent,
    unknown,
)

log = get_logger(__name__)

Operation = Kind | Literal["find"]
Request = Send | Query
Answer = Outcome | Finding

# Past this the trouble is no hiccup, and the outbox waits better than a thread does.
TRIES_MAX = 5
_WAIT = wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1)
# A try with less time than this would only turn "not sent" into "unknown".
TRY_SECONDS_MIN = 0.5


@overload
def call(
    gateway: str, operation: Literal["find"], request: Query, deadline: Deadline
) -> Finding: ...
@overload
def call(gateway: str, operation: Kind, request: Send, deadline: Deadline) -> Outcome: ...


@outside_transaction
def call(gateway: str, operation: Operation, request: Request, deadline: Deadline) -> Answer:
    """Call a gateway and return its answer; whatever goes wrong is an answer, too.

    What may act is repeated after a certain *not sent*, and after *unknown* only where the provider
    honours the key. If any try may have had an effect, the whole call may have had one.
    """
    started = time.monotonic()
    calling = _Call(gateway, operation, request, deadline)
    answer = calling.answer()
    seconds = time.monotonic() - started
    said = _word(answer)
    GATEWAY_CALLS.labels(gateway, operation, said).inc()
    GATEWAY_SECONDS.labels(gateway, operation).observe(seconds)
    log.info(
        "gateway.call",
        gateway=gateway,
        operation=operation,
        operation_id=str(request.operation_id),
        outcome=said,
        code=_code(answer),
        tries=calling.sends,
        milliseconds=round(seconds * 1000),
    )
    return answer


@dataclass(frozen=True, slots=True)
class _Try:
    """How one try ended, and whether another is safe."""

    answer: Answer
    is_worth_repeating: bool = False
    wait_seconds: float = 0.0


class _Call:
    """The tries of one call."""

    def __init__(
        self, name: str, operation: Operation, request: Request, deadline: Deadline
    ) -> None:
        self._name = name
        self._operation = operation
        self._request = request
        self._deadline = deadline
        self._unknown: Outcome | None = None
        self.sends = 0

    def answer(self) -> Answer:
        """Return the answer of all tries together."""
        try:
            gateway = registry.get(self._name)
        except Exception as error:  # noqa: BLE001 - logged; nothing was sent
            self._log_unexpected(error)
            return self._without_effect("gateway_missing", "this gateway is not configured")
        if self._operation == "find" and not gateway.capabilities.find:
            return Unanswered("cannot_find")
        tries = Retrying(
            retry=retry_if_result(lambda one: one.is_worth_repeating),
            wait=_wait_seconds,
            stop=self._is_enough,
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        return self._total(tries(self._try, gateway).answer)

    def _try(self, gateway: Gateway) -> _Try:
        if not self._deadline.may_send():
            return _Try(self._without_effect("too_late", "no request may leave any more"))
        self.sends += 1
        try:
            reached("worker.before_send")
            answer = self._sent(gateway)
            reached("worker.after_send")
            one = self._judged(gateway, answer)
        except NotSent as error:
            answer = self._without_effect(error.code, str(error), error.retry_after_seconds)
            one = _Try(
                answer, is_worth_repeating=True, wait_seconds=error.retry_after_seconds or 0.0
            )
        except AnswerLost as error:
            one = _Try(self._in_doubt(error.code, str(error)), self._may_repeat_unknown(gateway))
        except Exception as error:  # noqa: BLE001 - logged; the money may have moved
            self._log_unexpected(error)
            one = _Try(self._in_doubt("unexpected_answer", "the provider's answer is new to us"))
        if isinstance(one.answer, Outcome) and one.answer.kind is OutcomeKind.UNKNOWN:
            self._unknown = one.answer
        return one

    def _sent(self, gateway: Gateway) -> Answer:
        match self._request:
            case Charge():
                return gateway.charge(self._request, self._deadline)
            case Capture():
                return gateway.capture(self._request, self._deadline)
            case Void():
                return gateway.void(self._request, self._deadline)
            case Refund():
                return gateway.refund(self._request, self._deadline)
            case Query():
                return gateway.find(self._request, self._deadline)
            case _:
                assert_never(self._request)

    def _judged(self, gateway: Gateway, answer: Answer) -> _Try:
        is_fitting = isinstance(answer, Found | NotFound if self._operation == "find" else Outcome)
        if not is_fitting:
            message = f"{type(gateway).__qualname__} answered {type(answer).__qualname__}"
            raise TypeError(message)
        if isinstance(answer, Outcome) and answer.kind is OutcomeKind.NOT_SENT:
            return _Try(
                answer, is_worth_repeating=True, wait_seconds=answer.retry_after_seconds or 0
            )
        if isinstance(answer, Outcome) and answer.kind is OutcomeKind.UNKNOWN:
            return _Try(answer, self._may_repeat_unknown(gateway))
        return _Try(answer)

    def _may_repeat_unknown(self, gateway: Gateway) -> bool:
        return self._operation == "find" or gateway.capabilities.keys

    def _is_enough(self, state: RetryCallState) -> bool:
        return state.attempt_number >= TRIES_MAX or not (
            self._deadline.may_send(in_seconds=state.upcoming_sleep)
            and self._deadline.remaining() > state.upcoming_sleep + TRY_SECONDS_MIN
        )

    def _total(self, last: Answer) -> Answer:
        if self._unknown is None or not isinstance(last, Outcome):
            return last
        if last.kind is OutcomeKind.NOT_SENT:
            return replace(self._unknown, retry_after_seconds=last.retry_after_seconds)
        if last.kind is OutcomeKind.DECLINED:
            return replace(last, stored_answer=True)
        return last

    def _without_effect(
        self, code: str, message: str, retry_after_seconds: float | None = None
    ) -> Answer:
        if self._operation == "find":
            return Unanswered(code)
        return not_sent(code, message, retry_after_seconds=retry_after_seconds)

    def _in_doubt(self, code: str, message: str) -> Answer:
        return Unanswered(code) if self._operation == "find" else unknown(code, message)

    def _log_unexpected(self, error: Exception) -> None:
        log.error(
            "gateway.unexpected",
            gateway=self._name,
            operation=self._operation,
            operation_id=str(self._request.operation_id),
            exception=registry.conceal(self._name, "".join(traceback.format_exception(error))),
        )


def _wait_seconds(state: RetryCallState) -> float:
    asked: float = state.outcome.result().wait_seconds if state.outcome else 0.0
    return max(_WAIT(state), asked)


def _word(answer: Answer) -> str:
    match answer:
        case Outcome(kind=kind):
            return kind.value
        case Found():
            return "found"
        case NotFound():
            return "not_found"
        case Unanswered():
            return "unanswered"
        case _:
            assert_never(answer)


def _code(answer: Answer) -> str:
    match answer:
        case Outcome(code=code) | Unanswered(code=code) | Found(outcome=Outcome(code=code)):
            return code
        case _:
            return ""
