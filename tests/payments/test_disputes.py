"""What becomes of a dispute that a provider tells of: its state, its books, its events."""

from itertools import permutations

import pytest

from gateways.disputes import DisputeSaid
from payments.disputing import fold
from payments.models import Dispute, DisputeFact, Payment, StatusChange
from tests.money import a_shop, charge_of, drain, told
from tests.payments.disputes import (
    at_gateway,
    events,
    owed,
    parked,
    say,
    standing,
    the_dispute,
)
from tests.payments.promises import broken
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.django_db


class TestOpened:
    def test_takes_the_money_from_merchant_and_gateway_until_it_is_decided(self):
        payment = a_shop().sold()

        say(payment, "opened", amount=400, code="fraudulent")

        dispute = the_dispute()
        assert (dispute.status, dispute.amount, dispute.currency) == ("OPEN", 400, "INR")
        assert (dispute.reason, dispute.provider_id) == ("fraudulent", "dp_1")
        assert dispute.payment == payment
        assert standing(payment) == (600, 400, 600, 400)
        assert events(dispute) == ["dispute.opened"]
        assert broken() == []

    def test_leaves_the_payment_as_it_is(self):
        payment = a_shop().sold()
        before = Payment.objects.values().get()

        say(payment, "opened")

        assert Payment.objects.values().get() == before

    def test_may_name_the_charge_instead_of_the_payment(self):
        payment = a_shop().sold()

        say(payment, "opened", reference="", charge_reference=str(charge_of(payment).id))

        assert the_dispute().payment == payment

    def test_of_an_amount_without_a_fee_books_none_and_with_one_the_merchant_bears_it(self):
        payment = a_shop().sold()

        say(payment, "opened", amount=400, fee=15)

        assert the_dispute().fee == 15
        assert standing(payment) == (585, 400, 585, 400)
        assert broken() == []


class TestDecided:
    def test_won_gives_the_money_back(self):
        payment = a_shop().sold()

        say(payment, "opened", "won", amount=400)

        dispute = the_dispute()
        assert (dispute.status, dispute.decided_at is None) == ("WON", False)
        assert standing(payment) == (1_000, 0, 1_000, 0)
        assert events(dispute) == ["dispute.opened", "dispute.won"]
        assert broken() == []

    def test_lost_is_gone(self):
        payment = a_shop().sold()

        say(payment, "opened", "lost", amount=400)

        dispute = the_dispute()
        assert (dispute.status, dispute.decided_at is None) == ("LOST", False)
        assert standing(payment) == (600, 0, 600, 0)
        assert events(dispute) == ["dispute.opened", "dispute.lost"]
        assert broken() == []

    @pytest.mark.parametrize("fee", [None, 15])
    @pytest.mark.parametrize("end", ["won", "lost"])
    def test_before_it_was_opened_is_the_same(self, end, fee):
        shop = a_shop()
        first, second = shop.sold(currency="INR"), shop.sold(currency="USD")

        say(first, "opened", end, amount=400, fee=fee)
        say(second, end, "opened", amount=400, fee=fee, provider_id="dp_2")

        assert standing(first) == standing(second)
        one, other = Dispute.objects.order_by("id")
        assert (one.status, one.fee, events(one)) == (other.status, other.fee, events(other))
        assert broken() == []

    def test_its_steps_are_history_with_their_cause(self):
        payment = a_shop().sold()

        say(payment, "opened", "won")

        step = StatusChange.objects.get(dispute=the_dispute())
        assert (step.before, step.after, step.version) == ("OPEN", "WON", 2)
        assert step.cause == "dispute_fact"
        assert DisputeFact.objects.get(id=step.cause_id).said == "won"

    def test_a_merchants_balance_shows_it(self):
        shop = a_shop()
        payment = shop.sold()

        shown = []
        for said in ("opened", "won"):
            say(payment, said, amount=400)
            shown.append(shop.get("/api/balance/").json()["balances"][0]["available"])

        assert shown == [600, 1_000]


class TestAFee:
    def test_that_is_named_later_is_booked_then_and_once(self):
        payment = a_shop().sold()
        say(payment, "opened", amount=400)

        for _ in range(2):
            say(payment, "won", amount=400, fee=15)

        assert the_dispute().fee == 15
        assert standing(payment) == (985, 0, 985, 0)
        assert broken() == []

    def test_that_is_another_one_calls_a_person_and_is_not_booked(self):
        payment = a_shop().sold()
        say(payment, "opened", amount=400, fee=15)

        say(payment, "won", amount=400, fee=20)

        assert (the_dispute().fee, the_dispute().status) == (15, "OPEN")
        assert payment.needs_review
        assert len(parked()) == 1


class TestDuplicates:
    @pytest.mark.parametrize("said", [["opened"], ["opened", "won"], ["opened", "lost"]])
    def test_change_nothing(self, said):
        payment = a_shop().sold()
        say(payment, *said)
        before, told_of = standing(payment), events(the_dispute())

        for _ in range(2):
            say(payment, *said)

        assert standing(payment) == before
        assert events(the_dispute()) == told_of
        assert ProviderEvent.objects.filter(kind="dispute", applied_at=None).count() == 0
        assert not payment.needs_review
        assert broken() == []

    def test_of_the_same_event_are_stored_once(self):
        payment = a_shop().sold()

        for _ in range(3):
            say(payment, "opened", id="evt_1")

        assert ProviderEvent.objects.count() == 1
        assert DisputeFact.objects.count() == 1


class TestBothEnds:
    """Nobody knows which is true: the money is treated as gone, and a person is called."""

    @pytest.mark.parametrize("order", [*permutations(["opened", "won", "lost"])])
    def test_end_alike_in_every_order_and_call_a_person(self, order):
        payment = a_shop().sold()

        say(payment, *order, amount=400)

        assert the_dispute().status == "LOST"
        assert standing(payment) == (600, 0, 600, 0)
        assert payment.needs_review
        assert "won, and that it is lost" in payment.review_reason
        assert parked() == []
        assert broken() == []

    def test_call_nobody_a_second_time(self):
        payment = a_shop().sold()
        say(payment, "opened", "won", "lost")
        Payment.objects.update(needs_review=False, review_reason="")

        say(payment, "won", "lost", "opened")

        assert not payment.needs_review

    def test_are_told_to_the_merchant(self):
        payment = a_shop().sold()

        say(payment, "opened", "won", "lost")

        assert events(the_dispute()) == ["dispute.opened", "dispute.won", "dispute.lost"]


def test_the_fold_is_what_the_table_says():
    opened, won, lost = DisputeSaid

    assert fold({opened}) == "OPEN"
    assert fold({won}) == fold({opened, won}) == "WON"
    assert fold({lost}) == fold({won, lost}) == fold({opened, won, lost}) == "LOST"


def test_a_payment_that_went_back_can_be_disputed_all_the_same():
    shop = a_shop()
    payment = shop.sold()
    shop.refund(payment)
    say(payment, "opened", "lost")

    assert payment.status == "REFUNDED"
    assert owed(payment) == -1_000
    assert at_gateway(payment) == (-1_000, 0)
    assert broken() == []


def test_many_events_of_one_dispute_at_once_are_applied_together():
    payment = a_shop().sold()
    for said in ("won", "opened", "opened"):
        told(payment, f"dispute.{said}", provider_id="dp_1")

    drain()

    assert the_dispute().status == "WON"
    assert DisputeFact.objects.count() == 3
    assert broken() == []
