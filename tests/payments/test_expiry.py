"""What is held runs out, and only its provider says when: a clock of ours only has it asked."""

from datetime import timedelta

import pytest
from django.conf import settings as configured

from core.db import rows
from gateways.base import Found, Sighting, succeeded
from gateways.requests import Query
from payments import rechecking
from payments.models import OperationKind, Payment
from tests.money import a_shop, charge_of, drain, messages, net, reciting, run_due, told
from tests.payments.holding import cancel, capture, events, operations, standing_of

pytestmark = pytest.mark.django_db
HELD = succeeded("ch_1", 1_000, "INR")


def held(settings, *answers):
    """Return a payment that is held at a provider with these answers for whoever asks later."""
    shop = a_shop()
    gateway = reciting(settings, HELD, *answers)
    payment = shop.accepted(capture_method="manual")
    drain()
    assert standing_of(payment) == ("AUTHORIZED", 0)
    return shop, payment, gateway


def grow_old(payment: Payment) -> None:
    rows("UPDATE payments_operation SET recheck_at = now() WHERE id = %s", [charge_of(payment).id])


def ran_out(payment: Payment) -> Found:
    seen = Sighting(kind="void", outcome=succeeded("ch_1", 1_000, "INR"), reference="expired",
                    charge_reference=str(charge_of(payment).id))  # fmt: skip
    return Found(HELD, (seen,))


def test_an_authorization_is_asked_about_once_it_is_old(settings):
    _, payment, gateway = held(settings, Found(HELD))
    charge = charge_of(payment)
    assert charge.recheck_at
    assert charge.settled_at
    age = charge.recheck_at - charge.settled_at
    assert abs(age - configured.AUTHORIZATION_INQUIRY) < timedelta(seconds=1)
    assert rechecking.stage_due() == 0

    grow_old(payment)
    assert rechecking.stage_due() == 1
    run_due()

    assert isinstance(gateway.requests[-1], Query)
    assert standing_of(payment) == ("AUTHORIZED", 0)
    assert [state for (state,) in messages(charge.id, "state")] == [8, 8]


def test_it_is_asked_about_again_as_long_as_it_stands(settings):
    _, payment, _ = held(settings, Found(HELD))
    rows("UPDATE payments_operation SET settled_at = now() - interval '90 days' WHERE id = %s",
         [charge_of(payment).id])  # fmt: skip

    for _ in range(3):
        grow_old(payment)
        assert rechecking.stage_due() == 1
        run_due()

    assert charge_of(payment).recheck_at is not None


def test_what_the_provider_says_ran_out_is_expired(settings):
    _, payment, gateway = held(settings)
    gateway.answers.append(ran_out(payment))

    grow_old(payment)
    rechecking.stage_due()
    run_due()

    assert standing_of(payment) == ("EXPIRED", 0)
    assert net(payment) == {}
    assert events(payment)[-1] == "payment.expired"
    assert charge_of(payment).recheck_at is None
    (void,) = operations(payment, OperationKind.VOID)
    assert (void.origin, void.state) == ("provider", "succeeded")


def test_a_webhook_says_so_too_and_both_say_it_once(settings):
    _, payment, gateway = held(settings)
    gateway.answers.append(ran_out(payment))
    charge = charge_of(payment)
    grow_old(payment)
    rechecking.stage_due()

    told(payment, "void.succeeded", reference="expired", provider_id="ch_1",
         charge_reference=str(charge.id))  # fmt: skip
    drain()

    assert standing_of(payment) == ("EXPIRED", 0)
    assert len(operations(payment, OperationKind.VOID)) == 1
    assert events(payment).count("payment.expired") == 1


def test_a_provider_that_does_not_answer_is_asked_again_and_nothing_is_concluded(settings):
    _, payment, gateway = held(settings)
    gateway.answers.append(RuntimeError("no answer"))

    grow_old(payment)
    rechecking.stage_due()
    run_due()

    assert standing_of(payment) == ("AUTHORIZED", 0)
    assert messages(charge_of(payment).id, "state")[-1] == (0,)


@pytest.mark.parametrize("end", [capture, cancel])
def test_what_was_captured_or_let_go_is_asked_about_no_more(settings, end):
    shop, payment, _ = held(settings, HELD)
    grow_old(payment)
    rechecking.stage_due()
    end(shop, payment)
    drain()

    assert charge_of(payment).recheck_at is None
    assert rechecking.stage_due() == 0
    assert standing_of(payment)[0] in {"SUCCESS", "CANCELED"}
