"""What only a look-up shows: a second capture, a refund paid twice, one made by somebody else."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from gateways.base import AnswerLost, Found, NotFound, Sighting, succeeded
from ledger import accounts, books
from ledger.books import Layer
from payments.facts import Review
from payments.models import Event, Notice, Operation, Payment, Refund
from tests.money import a_shop, charge_of, drain, hurry, net, reciting, run_due, told
from tests.payments.dashboard import made, theirs, wrong

pytestmark = pytest.mark.django_db

TAKEN = succeeded("ch_1", 1_000, "INR")


@pytest.fixture(autouse=True)
def _one_try_a_call(settings):
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)


def suspense() -> int:
    return books.balance(accounts.customer_suspense("INR", "test"), Layer.POSTED)


def again(reference: object, provider_id: str = "ch_2", amount: int = 1_000) -> Sighting:
    moved = succeeded(provider_id, amount, "INR")
    return Sighting(kind="charge", outcome=moved, reference=str(reference))


def elsewhere(charge: object, provider_id: str = "re_x", reference: str = "dashboard") -> Sighting:
    moved = succeeded(provider_id, 300, "INR")
    return Sighting(kind="refund", outcome=moved, reference=reference, charge_reference=str(charge))


def looked_up(settings: Any, *shown: tuple[str, int]) -> Payment:
    """Lose a charge's answer, and have look-ups find it, and these charges besides."""
    gateway = reciting(settings, AnswerLost("cut"), keys=False)
    payment = a_shop().accepted(1_000)
    run_due()
    reference = charge_of(payment).id
    gateway.answers = [Found(TAKEN, tuple(again(reference, *one) for one in shown))]
    gateway.requests.clear()
    hurry()
    run_due()
    payment.refresh_from_db()
    return payment


def test_a_second_capture_is_booked_as_if_a_webhook_had_told(settings):
    payment = looked_up(settings, ("ch_2", 1_000))

    assert (payment.status, payment.amount_captured) == ("SUCCESS", 1_000)
    assert (payment.needs_review, payment.review_reason) == (True, Review.MOVED_TWICE)
    assert suspense() == 1_000
    assert Event.objects.filter(type="payment.captured_again").count() == 1
    assert wrong() == []


def test_every_capture_but_one_is_in_suspense(settings):
    looked_up(settings, ("ch_2", 1_000), ("ch_3", 1_000), ("ch_2", 1_000))

    assert suspense() == 2_000
    assert Notice.objects.count() == 2
    assert wrong() == []


def test_a_webhook_about_the_same_second_capture_books_nothing_more(settings):
    payment = looked_up(settings, ("ch_2", 1_000))

    told(payment, "charge.succeeded", provider_id="ch_2")
    drain()

    assert suspense() == 1_000
    assert wrong() == []


def test_a_second_capture_of_other_money_is_not_booked(settings):
    payment = looked_up(settings, ("ch_2", 999))

    assert (payment.status, payment.review_reason) == ("SUCCESS", Review.OTHER_MONEY)
    assert suspense() == 0
    assert wrong() == []


def test_what_is_about_somebody_else_is_left_alone(settings):
    shop = a_shop()
    other = shop.sold(1_000)
    gateway = reciting(settings, AnswerLost("cut"), keys=False)
    payment = shop.accepted(1_000)
    run_due()
    gateway.answers = [Found(TAKEN, (again(charge_of(other).id), again(uuid4())))]
    gateway.requests.clear()
    hurry()
    run_due()

    payment.refresh_from_db()
    assert (payment.status, payment.needs_review) == ("SUCCESS", False)
    assert (suspense(), Notice.objects.count()) == (0, 0)
    assert wrong() == []


class TestWhileLookingForARefundOfOurs:
    def look(self, settings: Any, finding: Any) -> Payment:
        shop = a_shop()
        payment = shop.sold(1_000)
        gateway = reciting(settings, AnswerLost("cut"), keys=False)
        shop.refund(payment, key="k", amount=300)
        run_due()
        gateway.answers = [finding(charge_of(payment).id)]
        gateway.requests.clear()
        for _ in range(2):
            hurry()
            run_due()
        payment.refresh_from_db()
        return payment

    def test_one_made_at_the_provider_is_booked_once(self, settings):
        ours = succeeded("re_1", 300, "INR")
        payment = self.look(settings, lambda charge: Found(ours, (elsewhere(charge),)))

        assert (len(theirs()), payment.amount_refunded) == (1, 600)
        assert net(payment)["posted", "merchant_payable"] == -400
        assert wrong() == []

    def test_one_made_at_the_provider_is_booked_though_ours_is_not_there(self, settings):
        payment = self.look(settings, lambda charge: NotFound((elsewhere(charge),)))

        ours = Operation.objects.get(kind="refund", unasked_id="")
        assert (ours.state, len(theirs())) == ("open", 1)
        assert Notice.objects.get().attempt_id is not None
        assert payment.amount_refunded == 300
        assert wrong() == []

    def test_its_webhook_books_nothing_more(self, settings):
        payment = self.look(settings, lambda charge: NotFound((elsewhere(charge),)))

        made(payment)

        assert (len(theirs()), payment.amount_refunded) == (1, 300)
        assert wrong() == []

    def test_one_that_bears_no_reference_is_left_until_ours_is_known(self, settings):
        payment = self.look(settings, lambda charge: NotFound((elsewhere(charge, reference=""),)))

        assert (theirs(), payment.amount_refunded) == ([], 0)
        assert Refund.objects.get().status == "PENDING"
        assert wrong() == []

    def test_one_of_another_payment_is_left_alone(self, settings):
        other = a_shop().sold(1_000)
        charge = charge_of(other).id
        self.look(settings, lambda _: NotFound((elsewhere(charge),)))

        assert theirs() == []
        assert wrong() == []
