"""Facts come in any order, by answers and by webhooks, and end in one state and one book."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from dispatcher import runner
from outbox.handling import Started
from payments.asking import Question
from payments.facts import Said
from payments.models import Payment
from tests.money import a_shop, begin, claim_all, finish, net, reciting, told, took

pytestmark = pytest.mark.django_db

Step = Callable[[Payment, Started, Question], None]


def we_hear_yes(payment: Payment, message: Started, question: Question) -> None:
    finish(message, Said.SUCCEEDED, question, **took(payment))


def we_hear_no(payment: Payment, message: Started, question: Question) -> None:
    finish(message, Said.DECLINED, question, code="no", detail="No.")


def we_hear_nothing(payment: Payment, message: Started, question: Question) -> None:
    finish(message, Said.UNKNOWN, question)


def we_hear_pending(payment: Payment, message: Started, question: Question) -> None:
    finish(message, Said.PENDING, question, provider_id="ch_1")


def they_say_yes(payment: Payment, message: Started, question: Question) -> None:
    told(payment, "charge.succeeded", id="evt_yes")
    apply_notices()


def they_say_no(payment: Payment, message: Started, question: Question) -> None:
    told(payment, "charge.failed", id="evt_no", code="no", message="No.")
    apply_notices()


def they_say_too_much(payment: Payment, message: Started, question: Question) -> None:
    told(payment, "charge.succeeded", id="evt_more", amount=payment.amount + 1)
    apply_notices()


def apply_notices() -> None:
    for job in claim_all():
        if job.lane.startswith("apply:"):
            runner.run(job.lane, job.tickets, "host:2")


SETS: dict[str, tuple[tuple[Step, ...], str, bool]] = {
    "yes and yes": ((we_hear_yes, they_say_yes), "SUCCESS", False),
    "yes and no": ((we_hear_yes, they_say_no), "SUCCESS", False),
    "no and yes": ((we_hear_no, they_say_yes), "SUCCESS", False),
    "no and no": ((we_hear_no, they_say_no), "FAILED", False),
    "silence and yes": ((we_hear_nothing, they_say_yes), "SUCCESS", False),
    "silence, no and yes": ((we_hear_nothing, they_say_no, they_say_yes), "SUCCESS", False),
    "pending, no and yes": ((we_hear_pending, they_say_no, they_say_yes), "SUCCESS", False),
    "no, no and yes": ((we_hear_no, they_say_no, they_say_yes), "SUCCESS", False),
    "yes twice over": ((they_say_yes, we_hear_yes, they_say_yes), "SUCCESS", False),
    "yes and too much": ((we_hear_yes, they_say_too_much), "SUCCESS", True),
}
ORDERS = {
    f"{name}: {', '.join(step.__name__ for step in order)}": (order, status, review)
    for name, (steps, status, review) in SETS.items()
    for order in dict.fromkeys(permutations(steps))
}


@pytest.mark.parametrize(("order", "status", "review"), ORDERS.values(), ids=ORDERS)
def test_one_state_and_one_book(settings, order, status, review):
    reciting(settings)
    payment = a_shop().accepted()
    message, question = begin(payment)

    for step in order:
        step(payment, message, question)

    payment.refresh_from_db()
    assert (payment.status, payment.needs_review) == (status, review)
    assert net(payment) == BOOKS[status]
    assert payment.amount_captured == (1_000 if status == "SUCCESS" else 0)


BOOKS: dict[str, dict[Any, int]] = {
    "SUCCESS": {("posted", "gateway_receivable"): 1_000, ("posted", "merchant_payable"): -1_000},
    "FAILED": {},
    "PROCESSING": {
        ("pending", "gateway_receivable"): 1_000,
        ("pending", "merchant_payable"): -1_000,
    },
}


@pytest.mark.parametrize("order", [*permutations([we_hear_no, they_say_too_much])])
def test_a_no_and_too_much_call_a_person_and_post_nothing(settings, order):
    reciting(settings)
    payment = a_shop().accepted()
    message, question = begin(payment)

    for step in order:
        step(payment, message, question)

    payment.refresh_from_db()
    assert payment.needs_review
    assert payment.amount_captured == 0
    assert not [layer for layer, _ in net(payment) if layer == "posted"]
