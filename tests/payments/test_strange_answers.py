"""Answers, look-ups and webhooks of other money or another account: a person looks, at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.metrics import REVIEWS
from gateways.base import AnswerLost, Found, Notice, Outcome, declined, pending, succeeded
from payments.facts import Review
from payments.models import Attempt, Event, Payment, Refund
from tests.money import (
    Provider,
    a_shop,
    charge_of,
    counted,
    drain,
    hurry,
    net,
    reciting,
    run_due,
    told,
)
from tests.payments.dashboard import made, parked, theirs
from tests.payments.promises import broken

pytestmark = pytest.mark.django_db

TAKEN = succeeded("ch_1", 1_000, "INR")
STRANGE: dict[str, tuple[Outcome, Review]] = {
    "another amount": (replace(TAKEN, amount=1_001), Review.OTHER_MONEY),
    "another currency": (replace(TAKEN, currency="USD"), Review.OTHER_MONEY),
    "another account": (replace(TAKEN, account="acct_x"), Review.OTHER_ACCOUNT),
    "another account's no": (replace(declined("no"), account="acct_x"), Review.OTHER_ACCOUNT),
    "another account's pending": (replace(pending("ch"), account="acct_x"), Review.OTHER_ACCOUNT),
}
each_strange = pytest.mark.parametrize(("strange", "reason"), STRANGE.values(), ids=STRANGE)


class Elsewhere(Provider):
    """A provider whose webhooks come from another account of its own."""

    def read_webhook(self, *args: Any, **named: Any) -> Notice:
        notice = super().read_webhook(*args, **named)
        assert isinstance(notice, Notice)
        return replace(notice, outcome=replace(notice.outcome, account="acct_x"))


def elsewhere(settings: Any, *answers: Any) -> None:
    entry = {"class": "tests.payments.test_strange_answers.Elsewhere",
             "options": {"answers": list(answers)}}  # fmt: skip
    settings.GATEWAYS = {**settings.GATEWAYS, "mock_success": entry}


def assert_a_person_is_called_and_nothing_posted(payment: Payment, reason: Review) -> None:
    payment.refresh_from_db()
    assert (payment.status, payment.needs_review) == ("PROCESSING", True)
    assert (payment.review_reason, payment.amount_captured) == (reason, 0)
    assert Event.objects.filter(type="payment.needs_review").count() == 1
    assert not [layer for layer, _ in net(payment) if layer == "posted"]
    assert broken() == []


@each_strange
def test_an_answer_calls_a_person_at_once(settings, strange, reason):
    reciting(settings, strange)
    payment, before = a_shop().accepted(), counted(REVIEWS)

    run_due()

    assert_a_person_is_called_and_nothing_posted(payment, reason)
    assert counted(REVIEWS) == before + 1


@each_strange
def test_a_look_up_calls_a_person_at_once(settings, strange, reason):
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)
    reciting(settings, AnswerLost("cut"), Found(strange), keys=False)
    payment = a_shop().accepted()
    run_due()

    hurry()
    run_due()

    assert_a_person_is_called_and_nothing_posted(payment, reason)


def test_a_webhook_from_another_account_calls_a_person_at_once(settings):
    elsewhere(settings, pending("ch_1"))
    payment = a_shop().accepted()
    drain()

    told(payment, "charge.succeeded")
    drain()

    assert_a_person_is_called_and_nothing_posted(payment, Review.OTHER_ACCOUNT)
    assert parked() == [Review.OTHER_ACCOUNT]


def test_a_no_by_webhook_from_another_account_fails_nothing(settings):
    elsewhere(settings, pending("ch_1"))
    payment = a_shop().accepted()
    drain()

    told(payment, "charge.failed", code="no")
    drain()

    assert_a_person_is_called_and_nothing_posted(payment, Review.OTHER_ACCOUNT)


def test_a_refund_made_at_another_account_is_not_booked(settings):
    payment = a_shop().sold(1_000)
    elsewhere(settings, TAKEN)

    made(payment)

    assert (theirs(), parked()) == ([], [Review.OTHER_ACCOUNT])
    assert (payment.needs_review, payment.amount_refunded) == (True, 0)


@pytest.mark.parametrize("changed", [{"amount": 401}, {"currency": "USD"}, {"account": "acct_x"}])
def test_an_answer_to_a_refund_is_not_posted_either(settings, changed):
    reciting(settings, TAKEN, replace(succeeded("re_1", 400, "INR"), **changed))
    shop = a_shop()
    payment = shop.sold(1_000)

    shop.refund(payment, key="part", amount=400)
    drain()

    payment.refresh_from_db()
    assert Refund.objects.get().status == "PENDING"
    assert (payment.needs_review, payment.amount_refunded) == (True, 0)
    assert broken() == []


def test_what_the_right_account_says_later_is_booked_and_the_review_stays(settings):
    reciting(settings, replace(TAKEN, account="acct_x"), TAKEN)
    payment = a_shop().accepted()
    run_due()

    hurry()
    run_due()

    payment.refresh_from_db()
    assert (payment.status, payment.needs_review) == ("SUCCESS", True)
    assert list(Attempt.objects.order_by("id").values_list("account", flat=True)) == ["acct_x", ""]
    assert charge_of(payment).provider_id == "ch_1"
    assert broken() == []
