"""An older holder of a message changes no row, and loses no fact."""

from datetime import timedelta

import pytest

from core.db import rows
from core.metrics import FENCE_REJECTIONS, STALE_DELIVERIES, STARTS_ON_SETTLED
from dispatcher import runner
from gateways.base import Found, declined, succeeded
from outbox import leasing
from outbox.handling import Ticket
from payments.facts import Said
from payments.models import Attempt
from tests.money import (
    a_shop,
    begin,
    charge_of,
    claim_all,
    counted,
    drain,
    finish,
    hurry,
    messages,
    net,
    reciting,
    run_due,
    told,
    took,
)

pytestmark = pytest.mark.django_db


def lose_the_lease() -> None:
    """Return what is in flight, as a sweeper does when its lease has run out."""
    rows("UPDATE outbox_message SET state = 0, lease_until = NULL, job = NULL WHERE state = 1")


def taken_over(payment, settings, *answers) -> None:
    """Let another worker take the message, claimed anew, and run it."""
    reciting(settings, *answers)
    lose_the_lease()
    drain()


class TestAFrozenWorker:
    def test_that_hears_no_after_another_heard_yes_changes_nothing(self, settings):
        reciting(settings)
        payment = a_shop().accepted()
        message, question = begin(payment)
        taken_over(payment, settings, succeeded("ch_1", 1_000, "INR"))
        before = counted(FENCE_REJECTIONS)

        finish(message, Said.DECLINED, question, code="old")

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert counted(FENCE_REJECTIONS) == before + 1
        assert net(payment)[("posted", "merchant_payable")] == -1_000

    def test_that_hears_yes_keeps_the_fact_and_moves_the_payment(self, settings):
        reciting(settings)
        payment = a_shop().accepted()
        message, question = begin(payment)
        lose_the_lease()
        claim_all()  # somebody else holds it now

        finish(message, Said.SUCCEEDED, question, **took(payment))

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert Attempt.objects.get(id=question.attempt_id).outcome == "succeeded"
        assert messages(charge_of(payment).id, "state", "epoch") == [(1, 2)]

    def test_that_hears_yes_makes_the_waiting_message_due(self, settings):
        reciting(settings)
        payment = a_shop().accepted()
        message, question = begin(payment)
        lose_the_lease()
        (job,) = claim_all()
        leasing.give_back(job.tickets, timedelta(hours=1))

        finish(message, Said.SUCCEEDED, question, **took(payment))

        due = messages(charge_of(payment).id, "state", "available_at <= clock_timestamp()")
        assert due == [(0, True)]

    def test_that_hears_yes_after_a_no_is_a_late_success(self, settings):
        reciting(settings)
        payment = a_shop().accepted()
        message, question = begin(payment)
        settings.GATEWAY_TOTAL = timedelta(seconds=0.4)
        told(payment, "charge.failed", code="no")
        taken_over(payment, settings, declined("no"), Found(declined("no")))
        payment.refresh_from_db()
        was = payment.status

        finish(message, Said.SUCCEEDED, question, **took(payment))

        payment.refresh_from_db()
        assert (was, payment.status) == ("FAILED", "SUCCESS")

    def test_whose_message_was_only_swept_may_still_finish(self, settings):
        reciting(settings)
        payment = a_shop().accepted()
        message, question = begin(payment)
        lose_the_lease()
        before = counted(FENCE_REJECTIONS)

        finish(message, Said.SUCCEEDED, question, **took(payment))

        assert messages(charge_of(payment).id, "state") == [(8,)]
        assert counted(FENCE_REJECTIONS) == before


def test_a_message_whose_payment_is_settled_ends_without_a_call(settings):
    gateway = reciting(settings)
    payment = a_shop().accepted()
    message, question = begin(payment)
    lose_the_lease()
    claim_all()
    finish(message, Said.SUCCEEDED, question, **took(payment))
    lose_the_lease()
    before = counted(STARTS_ON_SETTLED)

    run_due()

    assert messages(charge_of(payment).id, "state") == [(8,)]
    assert counted(STARTS_ON_SETTLED) == before + 1
    assert gateway.requests == []
    assert Attempt.objects.count() == 1


@pytest.mark.parametrize("epoch", [0, 2, 99])
def test_a_delivery_of_another_epoch_starts_nothing(settings, epoch):
    gateway = reciting(settings, succeeded("ch_1", 1_000, "INR"))
    payment = a_shop().accepted()
    (job,) = claim_all()
    before = counted(STALE_DELIVERIES)

    runner.run(job.lane, [Ticket(job.tickets[0].id, epoch)], "host:1")

    assert messages(charge_of(payment).id, "state", "starts") == [(1, 0)]
    assert counted(STALE_DELIVERIES) == before + 1
    assert gateway.requests == []


def test_a_job_delivered_twice_calls_once(settings):
    gateway = reciting(settings, succeeded("ch_1", 1_000, "INR"))
    a_shop().accepted()
    (job,) = claim_all()

    runner.run(job.lane, job.tickets, "host:1")
    runner.run(job.lane, job.tickets, "host:2")

    assert len(gateway.requests) == 1


def test_a_message_of_unknown_kind_is_given_back(settings):
    payment = a_shop().accepted()
    rows("UPDATE outbox_message SET kind = 'unheard_of'")

    run_due()

    ((state, starts, wait),) = messages(
        charge_of(payment).id, "state", "starts", "available_at - now()"
    )
    assert (state, starts) == (0, 0)
    assert wait > timedelta(0)


@pytest.mark.parametrize("lane", ["apply:mock", "charge:mock", "unheard:of", ""])
def test_a_lane_says_nothing_about_what_a_message_is(settings, lane):
    gateway = reciting(settings, succeeded("ch_1", 1_000, "INR"))
    shop = a_shop()
    payment, unknown = shop.accepted(), shop.accepted()
    rows("UPDATE outbox_message SET lane = %s", [lane])
    subject = charge_of(unknown).id
    rows("UPDATE outbox_message SET kind = 'unheard_of' WHERE subject_id = %s", [subject])

    run_due()

    payment.refresh_from_db()
    assert payment.status == "SUCCESS"
    assert len(gateway.requests) == 1
    assert messages(subject, "state", "starts") == [(0, 0)]


def test_one_bad_message_does_not_spoil_its_neighbours(settings):
    shop = a_shop()
    payments = [shop.accepted() for _ in range(3)]
    rows(
        "UPDATE outbox_message SET subject_id = gen_random_uuid() WHERE subject_id = %s",
        [charge_of(payments[1]).id],
    )

    drain()

    statuses = [shop.get(f"/api/payments/{payment.id}/").json()["status"] for payment in payments]
    assert statuses == ["SUCCESS", "CREATED", "SUCCESS"]


def test_a_batch_is_one_job_and_one_call_each(settings):
    gateway = reciting(settings, succeeded("ch_1", 1_000, "INR"))
    shop = a_shop()
    for _ in range(7):
        shop.accepted()

    jobs = run_due()
    hurry()

    assert jobs == 1
    assert len(gateway.requests) == 7
