"""A webhook says only which charge it gives back, while a refund of ours may be what it means."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from dispatcher import runner
from gateways.base import AnswerLost, Found, declined, not_sent, succeeded
from payments.models import Payment, Refund
from tests.money import a_shop, claim_all, drain, hurry, net, reciting, run_due, told
from tests.payments.dashboard import made, parked, theirs, wrong
from webhooks.applying import NOT_TOLD_APART
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.django_db

ONE_TRY = timedelta(seconds=0.4)


def ask(settings: Any, *answers: Any) -> tuple[Payment, Refund]:
    shop = a_shop()
    payment = shop.sold(1_000)
    reciting(settings, *answers)
    answer = shop.refund(payment, key="k", amount=300).json()
    return payment, Refund.objects.get(id=answer["id"])


def hear(payment: Payment, provider_id: str) -> None:
    told(payment, "refund.succeeded", provider_id=provider_id, amount=300)


def test_ours_is_never_taken_for_one_of_theirs_before_its_answer(settings):
    settings.GATEWAY_TOTAL = ONE_TRY
    found = Found(succeeded("re_1", 300, "INR"))
    payment, ours = ask(settings, AnswerLost("cut"), AnswerLost("cut"), found)
    run_due()

    hear(payment, "re_1")
    run_due()
    event = ProviderEvent.objects.get()
    waits = (event.applied_at, event.parked_at, theirs())
    drain()
    hurry()
    drain()

    ours.refresh_from_db()
    assert waits == (None, None, [])
    assert (ours.status, theirs(), parked()) == ("SUCCEEDED", [], [])
    assert ProviderEvent.objects.get().applied_at
    assert wrong() == []


def test_theirs_is_booked_once_ours_has_its_answer(settings):
    settings.GATEWAY_TOTAL = ONE_TRY
    found = Found(succeeded("re_1", 300, "INR"))
    payment, ours = ask(settings, AnswerLost("cut"), AnswerLost("cut"), found)
    drain()

    hear(payment, "re_x")
    drain()
    hurry()
    drain()

    ours.refresh_from_db()
    payment.refresh_from_db()
    assert (ours.status, len(theirs())) == ("SUCCEEDED", 1)
    assert payment.amount_refunded == 600
    assert wrong() == []


def test_it_is_parked_when_a_person_is_asked_about_ours(settings):
    settings.GATEWAY_TOTAL = ONE_TRY
    payment, _ = ask(settings, AnswerLost("cut"))
    Payment.objects.filter(id=payment.id).update(needs_review=True, review_reason="x")
    drain()

    hear(payment, "re_x")
    drain()

    assert parked() == [NOT_TOLD_APART]
    assert theirs() == []


def test_one_of_ours_that_was_never_sent_is_not_meant(settings):
    payment, ours = ask(settings, not_sent("down"))

    hear(payment, "re_x")
    drain()

    ours.refresh_from_db()
    assert (ours.status, len(theirs())) == ("PENDING", 1)


def test_one_of_ours_that_was_refused_without_an_id_may_be_meant(settings):
    payment, ours = ask(settings, declined("no"))
    drain()

    hear(payment, "re_x")
    drain()

    ours.refresh_from_db()
    assert (ours.status, theirs()) == ("SUCCEEDED", [])


def test_of_several_that_were_refused_without_an_id_none_is_meant(settings):
    shop = a_shop()
    payment = shop.sold(1_000)
    reciting(settings, declined("no"))
    for key in ("k1", "k2"):
        shop.refund(payment, key=key, amount=300)
        drain()
    assert Refund.objects.filter(status="FAILED").count() == 2

    hear(payment, "re_x")
    drain()

    assert (len(theirs()), parked()) == (1, [])
    assert net(payment)["posted", "merchant_payable"] == -700
    assert wrong() == []


def test_what_bears_a_strangers_reference_is_not_ours_even_while_ours_is_in_doubt(settings):
    settings.GATEWAY_TOTAL = ONE_TRY
    payment, ours = ask(settings, AnswerLost("cut"))
    drain()

    made(payment)

    ours.refresh_from_db()
    assert (ours.status, len(theirs())) == ("PENDING", 1)
    assert wrong() == []


@pytest.mark.parametrize("order", [*permutations(["answer", "ours", "theirs", "theirs"])])
def test_in_any_order_the_books_are_the_same(settings, order):
    payment, ours = ask(settings, succeeded("re_1", 300, "INR"))
    jobs = claim_all()

    for step in order:
        if step == "answer":
            for job in jobs:
                runner.run(job.lane, job.tickets, "host:1")
        elif step == "ours":
            told(payment, "refund.succeeded", reference=ours.id, amount=300, provider_id="re_1")
        else:
            made(payment)
        drain()

    payment.refresh_from_db()
    assert (payment.amount_refunded, payment.amount_refund_held) == (600, 600)
    assert (len(theirs()), payment.needs_review) == (1, False)
    assert net(payment) == {
        ("posted", "gateway_receivable"): 400,
        ("posted", "merchant_payable"): -400,
    }
    assert wrong() == []
