"""Many payers who come back at once, and payers who come while the provider is being asked."""

from threading import Barrier, Thread

import pytest

from core.db import rows
from gateways.base import Found, requires_action
from outbox.models import Message
from payments.facts import Said
from tests.money import (
    a_client,
    a_shop,
    begin,
    charge_of,
    elsewhere,
    finish,
    hurry,
    reciting,
    run_due,
)

pytestmark = pytest.mark.usefixtures("committed_db")

HEARD = {"provider_id": "ch_1", "action_url": "https://pay.test/act"}
ASKED = requires_action("https://pay.test/act", "ch_1")


@pytest.fixture
def payment(settings):
    """Give a payment that waits for its payer, of which nobody asks for ten minutes."""
    reciting(settings, ASKED, Found(ASKED))
    made = a_shop().accepted(return_url="https://shop.test/thanks")
    run_due()
    rows("UPDATE outbox_message SET available_at = now() + '10 minutes' WHERE state = 0")
    return made


def comes_back(payment):
    return a_client().get(f"/return/{payment.id}/").status_code


def wait_of(payment):
    sql = """
        SELECT extract(epoch FROM available_at - now()) FROM outbox_message
        WHERE subject_id = %s AND state = 0
    """
    ((seconds,),) = rows(sql, [charge_of(payment).id])
    return float(seconds)


def test_many_who_come_back_at_once_stage_one_look(payment):
    gate, answers = Barrier(8), []

    def come():
        gate.wait()
        answers.append(comes_back(payment))

    threads = [Thread(target=elsewhere, args=[come]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [303] * 8
    assert Message.objects.filter(subject_id=charge_of(payment).id).count() == 1
    assert charge_of(payment).returned_at is not None
    assert wait_of(payment) <= 2.1


def test_whoever_comes_while_the_provider_is_being_asked_has_it_asked_again_soon(payment):
    hurry()
    message, question = begin(payment)

    assert comes_back(payment) == 303
    # What is heard may be older than what the payer did.
    finish(message, Said.REQUIRES_ACTION, question, **HEARD)

    assert wait_of(payment) <= 2.1
