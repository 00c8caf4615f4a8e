"""Whoever comes second still ends what it began, and a look that was overtaken decides nothing."""

from datetime import timedelta

import pytest

from core.db import rows
from gateways.base import AnswerLost
from payments.facts import Said
from payments.models import Event
from tests.money import (
    a_shop,
    begin,
    charge_of,
    claim_all,
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
from tests.payments.promises import broken

pytestmark = pytest.mark.django_db


def test_an_answer_that_a_webhook_overtook_still_ends_its_message(settings):
    reciting(settings)
    payment = a_shop().accepted()
    message, question = begin(payment)
    told(payment, "charge.succeeded")
    drain()

    finish(message, Said.SUCCEEDED, question, **took(payment))

    payment.refresh_from_db()
    assert messages(charge_of(payment).id, "state") == [(8,)]
    assert payment.status == "SUCCESS"
    assert Event.objects.filter(type="payment.succeeded").count() == 1
    assert net(payment)["posted", "merchant_payable"] == -1_000
    assert broken() == []


def test_a_not_found_of_a_look_that_was_overtaken_fails_nothing(settings):
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)
    reciting(settings, AnswerLost("cut"), keys=False)
    payment = a_shop().accepted()
    run_due()
    hurry()
    message, question = begin(payment)
    rows("UPDATE outbox_message SET state = 0, lease_until = NULL, job = NULL WHERE state = 1")
    claim_all()

    finish(message, Said.NOT_FOUND, question)

    payment.refresh_from_db()
    assert payment.status == "PROCESSING"
    assert messages(charge_of(payment).id, "state", "epoch") == [(1, message.epoch + 1)]
    assert not [layer for layer, _ in net(payment) if layer == "posted"]
