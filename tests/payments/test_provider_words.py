"""What a provider says may be anything: it is stored, weighed, and never asked for in a loop."""

from datetime import timedelta
from typing import Any

import pytest

from gateways.base import Outcome, OutcomeKind, succeeded
from payments.facts import Review
from payments.models import Attempt
from tests.money import a_shop, charge_of, messages, net, reciting, run_due, told
from tests.payments.promises import broken

pytestmark = pytest.mark.django_db

UNSTORABLE = {
    "a NUL": "x\x00y",
    "half of a surrogate pair": "x\ud800y",
    "far too long": "x" * 100_000,
}
words = pytest.mark.parametrize("word", UNSTORABLE.values(), ids=UNSTORABLE)


@words
def test_a_success_under_an_odd_id_is_a_success(settings: Any, word: str) -> None:
    reciting(settings, succeeded(word, 1_000, "INR"))
    payment = a_shop().accepted()

    run_due()

    payment.refresh_from_db()
    assert (payment.status, payment.needs_review) == ("SUCCESS", False)
    assert messages(charge_of(payment).id, "state", "failures") == [(8, 0)]
    assert charge_of(payment).provider_id.startswith("x")


@words
def test_a_decline_in_odd_words_is_a_decline(settings: Any, word: str) -> None:
    no = Outcome(kind=OutcomeKind.DECLINED, provider_id=word, code=word, message=word)
    reciting(settings, no)
    payment = a_shop().accepted()

    run_due()

    payment.refresh_from_db()
    assert payment.status == "FAILED"
    assert 0 < len(payment.failure_code) <= 100
    assert messages(charge_of(payment).id, "state", "failures") == [(8, 0)]


@words
def test_odd_words_about_what_was_not_sent_spend_one_attempt(settings: Any, word: str) -> None:
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)
    reciting(settings, Outcome(kind=OutcomeKind.NOT_SENT, code=word, message=word))
    payment = a_shop().accepted()

    run_due()

    ((state, failures, error),) = messages(charge_of(payment).id, "state", "failures", "last_error")
    assert (state, failures) == (0, 1)
    assert error.startswith("not_sent x")


STRANGE_MONEY = {
    "more than can be stored": (2**70, "INR"),
    "less than nothing": (-(2**70), "INR"),
    "as much as can be stored": (2**63 - 1, "INR"),
    "nothing": (0, "INR"),
    "a NUL as currency": (1_000, "I\x00R"),
    "a long currency": (1_000, "INR" * 1_000),
}


@pytest.mark.parametrize(("amount", "currency"), STRANGE_MONEY.values(), ids=STRANGE_MONEY)
def test_a_success_over_strange_money_calls_a_person(
    settings: Any, amount: int, currency: str
) -> None:
    gateway = reciting(settings, succeeded("ch_1", amount, currency))
    payment = a_shop().accepted()

    run_due()
    run_due()

    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == ("PROCESSING", 0)
    assert (payment.needs_review, payment.review_reason) == (True, Review.OTHER_MONEY)
    assert Attempt.objects.get().outcome == "succeeded"
    ((state, failures, wait),) = messages(
        charge_of(payment).id, "state", "failures", "available_at - now()"
    )
    assert (state, failures, len(gateway.requests)) == (0, 0, 1)
    assert wait > timedelta(minutes=59)
    assert [layer for layer, _ in net(payment)] == ["pending", "pending"]
    assert broken() == []


@pytest.mark.parametrize("changed", [{"amount": 999}, {"currency": "USD"}], ids=["amount", "money"])
def test_a_no_about_other_money_is_no_no(settings: Any, changed: dict[str, Any]) -> None:
    reciting(settings, Outcome(kind=OutcomeKind.PENDING, provider_id="ch_1"))
    payment = a_shop().accepted()
    run_due()

    told(payment, "charge.failed", **changed)
    run_due()

    payment.refresh_from_db()
    assert payment.status == "PROCESSING"
    assert (payment.needs_review, payment.review_reason) == (True, Review.OTHER_MONEY)
    assert broken() == []


@pytest.mark.parametrize("amount", [999, 2**70])
def test_an_answered_no_about_other_money_is_no_no(settings: Any, amount: int) -> None:
    reciting(settings, Outcome(kind=OutcomeKind.DECLINED, code="no", amount=amount, currency="INR"))
    payment = a_shop().accepted()

    run_due()

    payment.refresh_from_db()
    assert payment.status == "PROCESSING"
    assert (payment.needs_review, payment.review_reason) == (True, Review.OTHER_MONEY)
