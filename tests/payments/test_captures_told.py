"""What a provider says of captures, of ours and of those that were made over there."""

import pytest

from gateways.base import Found, declined, not_sent, pending, succeeded
from payments.models import OperationKind
from tests.money import (
    a_shop,
    charge_of,
    drain,
    hurry,
    net,
    reciting,
    run_due,
    told,
)
from tests.payments.holding import EXPECTED, booked, capture, events, held, operations, standing_of

pytestmark = pytest.mark.django_db
CAPTURE = OperationKind.CAPTURE


def test_another_amount_than_was_asked_is_never_posted_and_a_person_is_called():
    shop = a_shop()
    payment = held(shop, "tok_capture_wrong_amount")

    capture(shop, payment, amount=300)
    run_due()

    assert standing_of(payment) == ("AUTHORIZED", 0)
    assert payment.needs_review
    assert net(payment) == EXPECTED


def test_what_was_captured_at_the_provider_is_captured():
    payment = held()
    charge = charge_of(payment)

    told(payment, "capture.succeeded", reference="dashboard", charge_reference=str(charge.id),
         provider_id="ca_x", amount=400)  # fmt: skip
    drain()

    assert standing_of(payment) == ("SUCCESS", 400)
    (operation,) = operations(payment, CAPTURE)
    assert (operation.unasked_id, operation.origin) == ("ca_x", "provider")
    assert net(payment) == booked(400)


def test_telling_of_it_twice_captures_once():
    payment = held()
    charge = charge_of(payment)

    for _ in range(2):
        told(payment, "capture.succeeded", reference="dashboard",
             charge_reference=str(charge.id), provider_id="ca_x", amount=400)  # fmt: skip
        drain()

    assert standing_of(payment) == ("SUCCESS", 400)
    assert len(operations(payment, CAPTURE)) == 1


def test_more_than_was_authorized_is_parked_and_a_person_is_called():
    payment = held()

    told(payment, "capture.succeeded", reference="dashboard",
         charge_reference=str(charge_of(payment).id), provider_id="ca_x", amount=1_001)  # fmt: skip
    drain()

    assert standing_of(payment) == ("AUTHORIZED", 0)
    assert payment.needs_review
    assert operations(payment, CAPTURE) == []


def test_a_capture_of_what_was_taken_at_once_is_parked():
    payment = a_shop().sold(gateway="mock")

    told(payment, "capture.succeeded", reference="dashboard",
         charge_reference=str(charge_of(payment).id), provider_id="ca_x")  # fmt: skip
    drain()

    assert standing_of(payment) == ("SUCCESS", 1_000)
    assert payment.needs_review


def test_a_capture_that_is_heard_of_before_its_charge_is_answered_succeeds_all_the_same(settings):
    shop = a_shop()
    gateway = reciting(settings, pending("ch_1"))
    payment = shop.accepted(capture_method="manual")
    drain()

    told(payment, "capture.succeeded", reference="dashboard",
         charge_reference=str(charge_of(payment).id), provider_id="ca_x", amount=400)  # fmt: skip
    drain()
    assert standing_of(payment) == ("SUCCESS", 400)

    gateway.answers.append(Found(succeeded("ch_1", 1_000, "INR")))
    hurry()
    run_due()

    assert standing_of(payment) == ("SUCCESS", 400)
    assert charge_of(payment).state == "succeeded"
    assert net(payment) == booked(400)


def test_a_late_authorization_is_flagged_and_its_capture_is_late(settings):
    shop = a_shop()
    reciting(settings, declined("do_not_honor"), succeeded("ca_1", 1_000, "INR"))
    payment = shop.accepted(capture_method="manual")
    drain()
    assert standing_of(payment) == ("FAILED", 0)

    told(payment, "charge.succeeded", provider_id="ch_1")
    drain()
    assert standing_of(payment) == ("AUTHORIZED", 0)
    assert payment.failure_code == ""
    assert capture(shop, payment).status_code == 202
    run_due()

    assert standing_of(payment) == ("SUCCESS", 1_000)
    assert net(payment) == booked(1_000)
    assert events(payment)[-2:] == ["payment.authorized_late", "payment.succeeded_late"]


def test_two_captures_of_one_hold_are_surplus_and_a_person_is_called(settings):
    shop = a_shop()
    reciting(settings, succeeded("ch_1", 1_000, "INR"), declined("not_now"))
    payment = shop.accepted(capture_method="manual")
    drain()
    capture(shop, payment)
    run_due()
    charge = charge_of(payment)

    told(payment, "capture.succeeded", reference="dashboard", charge_reference=str(charge.id),
         provider_id="ca_x", amount=400)  # fmt: skip
    drain()
    told(payment, "capture.succeeded", reference=operations(payment, CAPTURE)[0].id,
         provider_id="ca_1", amount=1_000)  # fmt: skip
    drain()

    assert standing_of(payment) == ("SUCCESS", 400)
    assert payment.needs_review
    assert "payment.captured_again" in events(payment)
    assert net(payment) == booked(400)


def test_nothing_is_resent_that_was_certainly_refused_for_want_of_a_connection(settings):
    shop = a_shop()
    gateway = reciting(settings, succeeded("ch_1", 1_000, "INR"), not_sent("unreachable"))
    payment = shop.accepted(capture_method="manual")
    drain()
    capture(shop, payment)
    run_due()
    assert standing_of(payment) == ("AUTHORIZED", 0)

    gateway.answers = [*gateway.answers[:1], succeeded("ca_1", 1_000, "INR")]
    hurry()
    run_due()

    assert standing_of(payment) == ("SUCCESS", 1_000)
