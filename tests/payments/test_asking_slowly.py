"""A provider that never answers a send in time may still answer a look."""

from datetime import timedelta
from time import monotonic

from core.ids import uuid7
from gateways.base import Charge, Query
from payments import asking
from payments.asking import Heard, Question
from payments.facts import Said

LEASE_SECONDS = 10


def ask(operation, attempt, *, again: bool) -> Heard:
    charge = Charge(
        operation_id=operation,
        key=f"mock-{operation.hex}",
        amount=1000,
        currency="INR",
        payment_method="tok_timeout",
    )
    query = Query(
        operation_id=operation, kind="charge", key=charge.key, amount=1000, currency="INR"
    )
    question = Question(
        gateway="mock",
        attempt_id=attempt,
        send=charge,
        query=query,
        again=again,
        send_seconds=60,
    )
    return asking.ask(question, monotonic() + LEASE_SECONDS)


def test_what_never_answers_a_send_in_time_is_looked_up_at_the_second_try(settings):
    settings.GATEWAY_TOTAL = timedelta(seconds=1.4)
    operation, first, second = uuid7(), uuid7(), uuid7()

    unanswered = ask(operation, first, again=False)
    found = ask(operation, second, again=True)

    assert (unanswered.attempt_id, unanswered.said) == (first, Said.UNKNOWN)
    assert (found.attempt_id, found.said, found.amount) == (second, Said.SUCCEEDED, 1000)
