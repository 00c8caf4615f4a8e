"""A payment that its merchant lets go: before anything was sent, or by a void at the provider."""

import json
from datetime import timedelta

import pytest

from core.db import rows
from dispatcher import runner
from gateways.base import AnswerLost, Found, not_sent, pending, succeeded
from payments.facts import Said
from payments.models import Payment, StatusChange
from tests.money import (
    PAYMENTS,
    Shop,
    a_shop,
    begin,
    charge_of,
    claim_all,
    drain,
    finish,
    hurry,
    messages,
    net,
    problem,
    reciting,
    run_due,
    told,
    took,
)
from tests.payments.holding import cancel, events, held, run_out, standing_of

pytestmark = pytest.mark.django_db


def test_what_was_not_sent_yet_is_cancelled_at_once_and_nothing_goes_out(settings):
    shop = a_shop()
    gateway = reciting(settings, succeeded("ch_1", 1_000, "INR"))
    payment = shop.accepted()

    answer = cancel(shop, payment)

    assert (answer.status_code, answer.json()["status"]) == (200, "CANCELED")
    assert net(payment) == {}
    assert charge_of(payment).state == "closed"
    assert events(payment) == ["payment.created", "payment.canceled"]
    drain()
    hurry()
    drain()
    assert gateway.requests == []
    assert standing_of(payment) == ("CANCELED", 0)
    ((state, epoch),) = messages(charge_of(payment).id, "state", "epoch")
    assert (state, epoch) == (8, 1)


def test_a_claimed_message_of_what_was_cancelled_starts_nothing(settings):
    shop = a_shop()
    gateway = reciting(settings, succeeded("ch_1", 1_000, "INR"))
    payment = shop.accepted()
    jobs = claim_all()

    assert cancel(shop, payment).status_code == 200

    for job in jobs:
        runner.run(job.lane, job.tickets, "host:1")

    assert gateway.requests == []
    assert standing_of(payment) == ("CANCELED", 0)


def test_what_was_certainly_not_sent_is_cancelled_at_once(settings):
    shop = a_shop()
    gateway = reciting(settings, not_sent("unreachable"))
    payment = shop.accepted()
    run_due()
    sends = len(gateway.requests)

    answer = cancel(shop, payment)

    assert answer.json()["status"] == "CANCELED"
    (step,) = StatusChange.objects.filter(payment=payment, after="CANCELED")
    assert (step.before, step.cause) == ("PROCESSING", "merchant")
    hurry()
    drain()
    assert len(gateway.requests) == sends


def test_the_same_key_is_the_same_answer():
    shop = a_shop()
    payment = shop.accepted()

    first, again = (cancel(shop, payment, key="k") for _ in range(2))

    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")


def test_a_cancellation_says_nothing_more_and_needs_a_key():
    shop = a_shop()
    payment = shop.accepted()

    assert problem(cancel(shop, payment, body={"amount": 1}))[0] == 400
    assert problem(shop.post(f"{PAYMENTS}{payment.id}/cancel/"))[1] == "idempotency-key-missing"
    assert standing_of(payment) == ("CREATED", 0)


def test_while_a_send_is_unanswered_it_is_refused_and_a_person_is_called():
    shop = a_shop()
    payment = shop.accepted()
    message, question = begin(payment)

    answer = cancel(shop, payment, key="k")

    assert problem(answer) == (409, "invalid-state")
    assert standing_of(payment) == ("PROCESSING", 0)
    assert (payment.needs_review, payment.review_operation) == (True, charge_of(payment).id)
    finish(message, Said.SUCCEEDED, question, **took(payment))
    assert standing_of(payment) == ("SUCCESS", 1_000)
    assert not payment.needs_review
    assert cancel(shop, payment, key="k").content == answer.content


def test_an_unknown_outcome_is_asked_about_at_once(settings):
    shop = a_shop()
    reciting(settings, AnswerLost("cut"), keys=False)
    payment = shop.accepted()
    run_due()

    assert problem(cancel(shop, payment)) == (409, "invalid-state")

    ((due,),) = rows(
        "SELECT available_at <= clock_timestamp() FROM outbox_message WHERE subject_id = %s",
        [charge_of(payment).id],
    )
    assert due


def test_wanting_it_cancelled_does_not_slow_down_asking(settings):
    shop = a_shop()
    reciting(settings, AnswerLost("cut"), find=True)
    payment = shop.accepted()
    message, question = begin(payment)

    cancel(shop, payment)
    finish(message, Said.UNKNOWN, question)

    waits = "SELECT available_at - now() FROM outbox_message WHERE subject_id = %s"
    ((wait,),) = rows(waits, [charge_of(payment).id])
    payment.refresh_from_db()
    assert wait < timedelta(seconds=5)
    assert payment.needs_review


def test_what_the_provider_was_found_to_have_is_not_cancelled_as_unsent(settings):
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)  # one try
    shop = a_shop()
    reciting(settings, not_sent("down"), Found(pending("ch_1")), find=True)
    payment = shop.accepted()
    rows("UPDATE outbox_message SET max_attempts = 1")
    drain()
    sent = [(one.kind, one.outcome) for one in charge_of(payment).attempts.order_by("id")]
    assert sent == [("send", "not_sent"), ("ask", "pending")]

    assert problem(cancel(shop, payment)) == (409, "invalid-state")
    assert charge_of(payment).state == "open"


def test_what_the_provider_has_and_has_not_decided_is_not_cancelled(settings):
    shop = a_shop()
    reciting(settings, pending("ch_1"))
    payment = shop.accepted()
    drain()

    assert problem(cancel(shop, payment)) == (409, "invalid-state")
    assert standing_of(payment) == ("PROCESSING", 0)
    assert not payment.needs_review


def test_what_a_webhook_told_of_is_not_cancelled_as_unsent():
    shop = a_shop()
    payment = shop.accepted()
    told(payment, "charge.failed", provider_id="ch_1", code="no")
    for job in claim_all():
        if job.lane.startswith("apply"):
            runner.run(job.lane, job.tickets, "host:1")

    assert problem(cancel(shop, payment)) == (409, "invalid-state")


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED", "CANCELED", "EXPIRED"])
def test_what_is_over_is_not_cancelled(status):
    shop = a_shop()
    payment = _over(shop, status)
    before = events(payment)

    answer = cancel(shop, payment)

    assert problem(answer) == (409, "invalid-state")
    assert json.loads(answer.content)["payment_status"] == status
    assert events(payment) == before


def _over(shop: Shop, status: str) -> Payment:
    if status == "SUCCESS":
        return shop.sold()
    payment = shop.accepted(gateway="mock_failure") if status == "FAILED" else held(shop)
    if status == "CANCELED":
        cancel(shop, payment)
    if status == "EXPIRED":
        run_out(payment)
    drain()
    assert standing_of(payment)[0] == status
    return payment
