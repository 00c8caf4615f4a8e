"""What operators do at the desk about what nobody knows: have it asked, or end its review."""

import pytest

from core.db import rows
from gateways.base import Outcome, OutcomeKind, succeeded
from tests.desk import Desk, page, text
from tests.money import a_shop, charge_of, drain, messages, reciting, run_due, told
from tests.payments.acting import a_dead_charge, act, audited, button, the_message
from tests.payments.promises import broken

pytestmark = pytest.mark.usefixtures("committed_db")


def a_charge_in_doubt(settings):
    """Return a payment whose provider did not answer, and will say that the money moved."""
    reciting(settings, Outcome(kind=OutcomeKind.UNKNOWN, code="time_out"))
    payment = a_shop().accepted()
    run_due()
    reciting(settings, succeeded("ch_1", payment.amount, payment.currency))
    return payment


def test_a_charge_that_may_have_moved_money_is_asked_about_and_not_replayed(settings):
    payment = a_charge_in_doubt(settings)
    rows("UPDATE outbox_message SET available_at = now() + interval '1 hour'")
    desk = Desk()
    assert button(desk, the_message(payment), "Replay") is None

    answer = act(desk, the_message(payment), "Inquire", reason="it is late")
    drain()

    payment.refresh_from_db()
    assert answer.status_code == 302
    assert payment.status == "SUCCESS"
    assert audited() == [("noor", "message.inquired", "it is late")]
    assert not broken()


def test_a_dead_charge_in_doubt_gets_an_inquiry(settings):
    payment = a_charge_in_doubt(settings)
    rows("UPDATE outbox_message SET state = 9, finished_at = now()")
    desk = Desk()
    assert button(desk, the_message(payment), "Replay") is None

    act(desk, the_message(payment), "Inquire", reason="it is dead")
    drain()

    payment.refresh_from_db()
    assert payment.status == "SUCCESS"
    assert messages(charge_of(payment).id, "kind", "state") == [("charge", 9), ("inquire", 8)]


def test_a_charge_that_was_never_sent_offers_nothing_to_ask(settings):
    payment = a_dead_charge(settings)
    desk = Desk()

    assert button(desk, the_message(payment), "Inquire") is None
    answer = desk.post(
        f"outbox/message/{the_message(payment).id}/act/inquire/", state=9, epoch=1, reason="why not"
    )
    assert answer.status_code == 409
    assert "was never sent, so there is nothing to ask" in text(answer)


def test_a_review_is_ended_by_whoever_saw_why(settings):
    reciting(settings, succeeded("ch_1", 999, "INR"))
    payment = a_shop().accepted(1_000)
    run_due()
    payment.refresh_from_db()
    desk = Desk()

    answer = act(desk, payment, "End review", reason="paid back by hand")

    payment.refresh_from_db()
    assert (answer.status_code, payment.needs_review) == (302, False)
    assert button(desk, payment, "End review") is None
    assert audited() == [("noor", "payment.review_ended", "paid back by hand")]
    shown = desk.read(page("payments.payment", payment.id))
    assert "noor payment.review_ended payment paid back by hand" in shown


def test_a_review_is_not_ended_by_who_did_not_see_the_newest_fact(settings):
    reciting(settings, succeeded("ch_1", 999, "INR"))
    payment = a_shop().accepted(1_000)
    run_due()
    payment.refresh_from_db()
    desk = Desk()
    path, seen = button(desk, payment, "End review")
    told(payment, "charge.succeeded", provider_id="ch_2", amount=998)
    drain()

    answer = desk.post(path, **seen, reason="paid back by hand")

    payment.refresh_from_db()
    assert (answer.status_code, payment.needs_review) == (409, True)
    assert "There is something new" in text(answer)


def test_ending_a_review_needs_its_permission(settings):
    reciting(settings, succeeded("ch_1", 999, "INR"))
    payment = a_shop().accepted(1_000)
    run_due()
    desk = Desk("payments.view_payment")

    assert button(desk, payment, "End review") is None
    path = f"payments/payment/{payment.id}/act/end-review/"
    assert desk.post(path, version=1, reason="x").status_code == 403
