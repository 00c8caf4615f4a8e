"""Money that is held is let go, whatever else is heard of it."""

from uuid import uuid4

import pytest

from gateways.base import AnswerLost, Found, declined, pending, succeeded
from gateways.requests import Query, Void
from payments.models import OperationKind
from tests.money import (
    a_shop,
    charge_of,
    drain,
    hurry,
    net,
    problem,
    reciting,
    run_due,
    told,
)
from tests.payments.holding import cancel, capture, events, held, operations, run_out, standing_of
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.django_db
VOID = OperationKind.VOID


def test_what_is_held_is_let_go():
    shop = a_shop()
    payment = held(shop)

    answer = cancel(shop, payment)

    assert (answer.status_code, answer.json()["status"]) == (202, "AUTHORIZED")
    drain()
    assert standing_of(payment) == ("CANCELED", 0)
    assert net(payment) == {}
    assert events(payment)[-1] == "payment.canceled"
    assert charge_of(payment).recheck_at is None


def test_a_void_that_fails_leaves_the_payment_and_may_be_asked_again():
    shop = a_shop()
    payment = held(shop, "tok_void_fails")
    cancel(shop, payment)
    drain()

    assert standing_of(payment) == ("AUTHORIZED", 0)
    assert events(payment)[-1] == "payment.cancel_failed"
    assert cancel(shop, payment).status_code == 202
    assert capture(shop, payment).status_code == 409


@pytest.mark.parametrize("first", [capture, cancel])
@pytest.mark.parametrize("second", [capture, cancel])
def test_while_one_is_open_the_other_is_refused(first, second):
    shop = a_shop()
    payment = held(shop)

    assert first(shop, payment).status_code == 202
    assert problem(second(shop, payment)) == (409, "invalid-state")


def test_a_void_whose_answer_was_lost_is_asked_by_its_own_key(settings):
    shop = a_shop()
    charged = succeeded("ch_1", 1_000, "INR")
    gateway = reciting(settings, charged, AnswerLost("cut"), succeeded("vo_1", 1_000, "INR"))
    payment = shop.accepted(capture_method="manual")
    drain()
    cancel(shop, payment)
    hurry()
    drain()

    assert standing_of(payment) == ("CANCELED", 0)
    voids = [one for one in gateway.requests if isinstance(one, Void)]
    assert len({void.key for void in voids}) == 1
    assert (voids[0].charge_provider_id, voids[0].amount) == ("ch_1", 1_000)


def test_a_gateway_that_cannot_void_lets_nothing_go(settings):
    shop = a_shop()
    reciting(settings, succeeded("ch_1", 1_000, "INR"), voids=False)
    payment = shop.accepted(capture_method="manual")
    drain()

    assert problem(cancel(shop, payment)) == (409, "invalid-state")


def test_a_charge_that_was_let_go_is_looked_up_and_never_sent_again(settings):
    shop = a_shop()
    gateway = reciting(settings, pending("ch_1"))
    payment = shop.accepted(capture_method="manual")
    drain()
    told(payment, "void.succeeded", reference="dashboard", provider_id="vo_x",
         charge_reference=str(charge_of(payment).id))  # fmt: skip
    drain()
    assert standing_of(payment) == ("EXPIRED", 0)
    del gateway.requests[:]
    gateway.answers = [Found(succeeded("ch_1", 1_000, "INR"))]

    hurry()
    run_due()

    assert [type(request) for request in gateway.requests] == [Query]
    assert charge_of(payment).state == "succeeded"
    assert standing_of(payment) == ("EXPIRED", 0)


def test_both_let_go_by_the_merchant_and_run_out_means_cancelled_in_either_order(settings):
    shop = a_shop()
    first, second = held(shop, "tok_void_fails"), held(shop)
    cancel(shop, first)
    drain()
    run_out(first)
    drain()
    assert standing_of(first) == ("EXPIRED", 0)
    told(first, "void.succeeded", reference=operations(first, VOID)[0].id, provider_id="vo_1")
    cancel(shop, second)
    drain()
    run_out(second)
    drain()

    assert [standing_of(one)[0] for one in (first, second)] == ["CANCELED", "CANCELED"]
    assert [net(one) for one in (first, second)] == [{}, {}]
    assert events(first)[-2:] == ["payment.expired", "payment.canceled"]


def test_money_that_was_taken_after_all_is_late_and_a_person_is_called():
    shop = a_shop()
    payment = held(shop)
    cancel(shop, payment)
    drain()

    told(payment, "capture.succeeded", reference="dashboard", provider_id="ca_x", amount=1_000,
         charge_reference=str(charge_of(payment).id))  # fmt: skip
    drain()

    assert standing_of(payment) == ("SUCCESS", 1_000)
    assert events(payment)[-2:] == ["payment.succeeded_late", "payment.needs_review"]
    assert net(payment) == {
        ("posted", "gateway_receivable"): 1_000, ("posted", "merchant_payable"): -1_000
    }  # fmt: skip


def test_a_void_that_is_heard_of_after_a_capture_changes_nothing_and_calls_a_person():
    shop = a_shop()
    payment = held(shop)
    capture(shop, payment)
    drain()

    run_out(payment)
    drain()

    assert standing_of(payment) == ("SUCCESS", 1_000)
    assert payment.needs_review


def held_although_cancelled_unsent():
    shop = a_shop()
    payment = shop.accepted(gateway="mock", capture_method="manual")
    cancel(shop, payment)
    told(payment, "charge.succeeded", provider_id="ch_1")
    drain()
    return payment


def test_money_that_is_held_although_nothing_was_sent_calls_a_person():
    payment = held_although_cancelled_unsent()

    assert standing_of(payment) == ("CANCELED", 0)
    assert payment.needs_review
    assert net(payment) == {}


def test_what_was_cancelled_unsent_stays_so_when_a_hold_is_let_go_elsewhere():
    payment = held_although_cancelled_unsent()

    run_out(payment)
    drain()

    assert standing_of(payment) == ("CANCELED", 0)
    assert [one.state for one in operations(payment, VOID)] == ["succeeded"]
    assert not ProviderEvent.objects.exclude(parked_at=None).exists()


def test_a_charge_that_succeeded_although_nothing_was_sent_is_late():
    shop = a_shop()
    payment = shop.accepted(gateway="mock")
    cancel(shop, payment)

    told(payment, "charge.succeeded", provider_id="ch_1")
    drain()

    assert standing_of(payment) == ("SUCCESS", 1_000)
    assert events(payment)[-1] == "payment.succeeded_late"


def test_a_payment_that_is_let_go_is_not_refunded():
    shop = a_shop()
    payment = held(shop)
    cancel(shop, payment)
    drain()

    assert problem(shop.refund(payment, amount=1, key=str(uuid4()))) == (409, "invalid-state")


def test_a_decline_after_the_payers_time_ran_out_or_before_it_is_the_same(settings):
    ends = []
    for codes in (("do_not_honor", "action_expired"), ("action_expired", "do_not_honor")):
        shop = a_shop()
        reciting(settings, declined(codes[0], provider_id="ch_1"))
        payment = shop.accepted()
        drain()
        told(payment, "charge.failed", provider_id="ch_1", code=codes[1])
        drain()
        ends.append((*standing_of(payment), payment.failure_code, bool(net(payment))))

    assert ends == [("EXPIRED", 0, "", False)] * 2
