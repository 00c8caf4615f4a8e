"""What keeps an operation open, and who is called: doubt is never guessed away."""

from datetime import timedelta

import pytest

from core.db import rows
from gateways.base import AnswerLost, Outcome, OutcomeKind, pending, succeeded
from payments.facts import NOBODY_CAN_SEND, Fact, Meaning, Said, fold
from payments.models import Refund, StatusChange
from tests.money import a_shop, charge_of, drain, hurry, reciting, run_due, told
from tests.payments.promises import broken

pytestmark = pytest.mark.django_db

ODD_NO = Outcome(kind=OutcomeKind.DECLINED, amount=999, currency="INR", code="no")


def test_a_send_answered_about_other_money_is_not_sent_again_without_keys(settings):
    gateway = reciting(
        settings, ODD_NO, ODD_NO, succeeded("ch_1", 1_000, "INR"), find=False, keys=False
    )
    payment = a_shop().accepted()

    for _ in range(3):
        run_due()
        hurry()

    payment.refresh_from_db()
    assert len(gateway.requests) == 1
    assert (payment.status, payment.needs_review) == ("PROCESSING", True)
    assert payment.outcome_unknown_since


def test_the_end_of_one_refund_does_not_end_the_call_for_another(settings):
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)
    shop = a_shop()
    payment = shop.sold(1_000)
    reciting(settings, AnswerLost("cut"), find=False, keys=False)
    first = shop.refund(payment, key="a", amount=400).json()["id"]
    second = shop.refund(payment, key="b", amount=300).json()["id"]
    for _ in range(3):
        run_due()
        hurry()

    told(payment, "refund.succeeded", reference=first, amount=400, provider_id="re_a")
    run_due()

    payment.refresh_from_db()
    assert Refund.objects.get(id=first).status == "SUCCEEDED"
    assert Refund.objects.get(id=second).status == "PENDING"
    assert payment.needs_review
    assert broken() == []


def test_what_a_provider_said_it_has_it_cannot_have_missed():
    facts = [
        Fact(Said.PENDING, is_send=True, provider_id="ch_1"),
        Fact(Said.NOT_FOUND, code=NOBODY_CAN_SEND),
    ]

    assert fold(facts, amount=1, currency="INR").meaning is Meaning.WAITING


def test_news_does_not_hurry_a_message_that_waits_to_run_alone(settings):
    reciting(settings, AnswerLost("cut"), find=False)
    payment = a_shop().accepted()
    rows(
        "UPDATE outbox_message SET alone = true, starts = 3, epoch = 3,"
        " available_at = now() + interval '20 s' WHERE subject_id = %s",
        [charge_of(payment).id],
    )

    told(payment, "charge.failed", code="no")
    run_due()

    waits = "SELECT available_at > now() + interval '10 s' FROM outbox_message WHERE alone"
    assert rows(waits) == [(True,)]


def test_a_no_and_a_yes_in_one_group_are_two_steps_of_one_transaction(settings, lines):
    reciting(settings, pending("ch_1"))
    payment = a_shop().accepted()
    run_due()

    told(payment, "charge.failed", code="no")
    told(payment, "charge.succeeded", provider_id="ch_1")
    drain()

    payment.refresh_from_db()
    steps = StatusChange.objects.filter(payment=payment).order_by("version")
    assert payment.status == "SUCCESS"
    assert len({step.xid for step in steps[1:]}) == 1
    assert "taken_apart" not in lines.getvalue()
    assert broken() == []
