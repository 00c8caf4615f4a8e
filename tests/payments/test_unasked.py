"""Refunds that somebody made at the provider: seen, booked once, and the merchant's own."""

from itertools import permutations

import pytest

from gateways.base import declined, not_sent, pending, succeeded
from ledger import accounts, books
from ledger.books import Layer
from ledger.models import Transaction
from payments.facts import Review, Said
from payments.models import Attempt, Event, Notice, Operation
from payments.unasked import ELSEWHERE
from tests.money import (
    a_shop,
    begin,
    charge_of,
    drain,
    finish,
    hurry,
    messages,
    net,
    reciting,
    told,
    took,
)
from tests.payments.dashboard import made, parked, theirs, wrong
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.django_db


class TestARefundMadeAtTheProvider:
    def test_is_taken_from_the_merchant_and_owed_by_the_gateway_no_more(self):
        payment = a_shop().sold(1_000)

        made(payment)

        assert net(payment) == {
            ("posted", "gateway_receivable"): 700,
            ("posted", "merchant_payable"): -700,
        }
        assert (payment.amount_refunded, payment.amount_refund_held) == (300, 300)
        assert (payment.status, payment.needs_review) == ("SUCCESS", False)
        assert Transaction.objects.get(kind="refund.confirmed").flags == "unasked"
        assert wrong() == []

    def test_is_a_refund_that_the_merchant_can_read(self):
        shop = a_shop()
        payment = shop.sold(1_000)

        made(payment)

        (refund,) = theirs()
        read = shop.get(f"/api/refunds/{refund.id}/").json()
        assert (read["origin"], read["status"], read["amount"]) == ("provider", "SUCCEEDED", 300)
        assert read["payment"] == str(payment.id)

    def test_is_told_as_any_other(self):
        payment = a_shop().sold(1_000)

        made(payment)

        (refund,) = theirs()
        events = Event.objects.filter(aggregate_id=refund.id).order_by("id")
        assert [event.type for event in events] == ["refund.created", "refund.succeeded"]
        assert {event.payload["origin"] for event in events} == {"provider"}

    def test_is_booked_once_however_often_and_in_whatever_words_it_is_told(self):
        payment = a_shop().sold(1_000)
        before = charge_of(payment)

        made(payment)
        made(payment)
        made(payment, reference=before.id)
        made(payment, reference="", charge_reference=str(payment.id), code="other words")

        assert len(theirs()) == 1
        assert Notice.objects.filter(operation__refund=theirs()[0]).count() == 4
        assert payment.amount_refunded == 300
        assert Event.objects.filter(type="refund.succeeded").count() == 1
        assert wrong() == []

    def test_is_booked_once_if_it_is_told_twice_in_one_go(self):
        payment = a_shop().sold(1_000)
        charge = str(charge_of(payment).id)

        for _ in range(2):
            told(payment, "refund.succeeded", reference="dashboard", provider_id="re_x",
                 amount=300, charge_reference=charge)  # fmt: skip
        drain()

        payment.refresh_from_db()
        assert (len(theirs()), payment.amount_refunded) == (1, 300)
        assert wrong() == []

    def test_is_one_of_several_if_the_provider_has_several_ids(self):
        payment = a_shop().sold(1_000)

        made(payment, "re_x")
        made(payment, "re_y")

        assert (len(theirs()), payment.amount_refunded) == (2, 600)
        assert wrong() == []

    def test_of_everything_makes_the_payment_refunded(self):
        payment = a_shop().sold(1_000)

        made(payment, amount=1_000)

        assert (payment.status, payment.amount_refunded) == ("REFUNDED", 1_000)
        assert Event.objects.filter(type="payment.refunded").count() == 1
        assert wrong() == []

    def test_leaves_less_to_refund_for_the_merchant(self):
        shop = a_shop()
        payment = shop.sold(1_000)

        made(payment)

        assert shop.refund(payment, key="k", amount=701).json()["refundable"] == 700
        assert shop.refund(payment).json()["amount"] == 700

    def test_is_never_asked_or_sent_for(self, settings):
        payment = a_shop().sold(1_000)
        gateway = reciting(settings, not_sent("down"))

        made(payment)
        hurry()
        drain()

        (operation,) = Operation.objects.exclude(unasked_id="")
        assert gateway.requests == []
        assert messages(operation.id, "id") == []
        assert not Attempt.objects.filter(operation=operation).exists()

    def test_that_moved_nothing_is_none(self):
        payment = a_shop().sold(1_000)
        charge = str(charge_of(payment).id)

        told(payment, "refund.failed", reference="dashboard", provider_id="re_x", amount=300,
             charge_reference=charge)  # fmt: skip
        drain()

        assert (theirs(), parked()) == ([], [])
        assert ProviderEvent.objects.get().applied_at

    def test_stays_what_it_is_when_the_provider_takes_its_word_back(self):
        payment = a_shop().sold(1_000)
        made(payment)

        told(payment, "refund.failed", charge_reference=str(payment.id), provider_id="re_x")
        drain()

        payment.refresh_from_db()
        assert (theirs()[0].status, payment.amount_refunded) == ("SUCCEEDED", 300)
        assert wrong() == []


class TestBeyondWhatWasCaptured:
    def test_suspense_bears_it_and_a_person_is_called(self, settings):
        reciting(settings, succeeded("ch_1", 1_000, "INR"), succeeded("re_1", 900, "INR"))
        shop = a_shop()
        payment = shop.sold(1_000)
        shop.refund(payment, key="k", amount=900)
        drain()

        made(payment)

        assert (payment.amount_refund_held, payment.amount_overdrawn) == (1_000, 200)
        assert (payment.status, payment.amount_refunded) == ("REFUNDED", 1_200)
        assert (payment.needs_review, payment.review_reason) == (True, Review.OVERDRAWN)
        assert net(payment) == {
            ("posted", "gateway_receivable"): -200,
            ("posted", "customer_suspense"): 200,
        }
        assert wrong() == []

    def test_a_refund_of_ours_that_it_left_no_room_for_gives_it_back(self, settings):
        reciting(settings, succeeded("ch_1", 1_000, "INR"), pending("re_1"))
        shop = a_shop()
        payment = shop.sold(1_000)
        ours = shop.refund(payment, key="k", amount=900).json()["id"]
        drain()
        made(payment)

        told(payment, "refund.failed", reference=ours, amount=900, code="no_room")
        drain()

        payment.refresh_from_db()
        assert (payment.amount_refund_held, payment.amount_overdrawn) == (300, 0)
        assert net(payment)["posted", "merchant_payable"] == -700
        assert wrong() == []


class TestBeforeItsCapture:
    """A refund proves a capture, but its webhook may come first."""

    def test_suspense_bears_it_until_the_capture_is_known(self, settings):
        reciting(settings)
        payment = a_shop().accepted(1_000)
        message, question = begin(payment)

        made(payment)
        payment.refresh_from_db()
        early = (payment.status, payment.amount_overdrawn, payment.needs_review)
        early_net = net(payment)["posted", "customer_suspense"]
        finish(message, Said.SUCCEEDED, question, **took(payment))

        payment.refresh_from_db()
        assert early == ("PROCESSING", 300, True)
        assert early_net == 300
        assert (payment.status, payment.amount_overdrawn) == ("SUCCESS", 0)
        assert (payment.amount_refund_held, payment.needs_review) == (300, False)
        assert net(payment) == {
            ("posted", "gateway_receivable"): 700,
            ("posted", "merchant_payable"): -700,
        }
        assert wrong() == []

    def test_the_capture_of_what_went_back_whole_ends_refunded(self):
        payment = a_shop().accepted(1_000)
        made(payment, amount=1_000)

        drain()

        payment.refresh_from_db()
        assert (payment.status, payment.amount_refund_held) == ("REFUNDED", 1_000)
        assert net(payment) == {}
        assert wrong() == []

    @pytest.mark.parametrize("order", [*permutations(["no", "refund", "yes"])])
    def test_a_late_capture_ends_the_review_in_any_order(self, settings, order):
        reciting(settings, declined("no"))
        payment = a_shop().accepted(1_000)

        for step in order:
            if step == "no":
                drain()
            elif step == "yes":
                told(payment, "charge.succeeded")
            else:
                made(payment)
            drain()

        payment.refresh_from_db()
        assert (payment.status, payment.needs_review) == ("SUCCESS", False)
        assert (payment.amount_refund_held, payment.amount_overdrawn) == (300, 0)
        assert net(payment)["posted", "merchant_payable"] == -700
        assert wrong() == []

    @pytest.mark.parametrize("order", [*permutations(["no", "refund"])])
    def test_a_payment_that_failed_keeps_its_review(self, settings, order):
        reciting(settings, declined("no"))
        payment = a_shop().accepted(1_000)

        for step in order:
            if step == "refund":
                told(payment, "refund.succeeded", reference="", provider_id="re_x", amount=300,
                     charge_reference=str(payment.id))  # fmt: skip
            else:
                drain()
        drain()

        payment.refresh_from_db()
        assert (payment.status, payment.needs_review) == ("FAILED", True)
        assert payment.amount_overdrawn == 300
        assert wrong() == []


class TestOfOtherMoney:
    """Never booked, and a person is called at once."""

    @pytest.mark.parametrize("changed", [{"currency": "USD"}, {"amount": 10**15}])
    def test_it_is_parked(self, changed):
        payment = a_shop().sold(1_000)

        made(payment, **changed)

        assert (theirs(), parked()) == ([], [Review.OTHER_MONEY])
        assert (payment.needs_review, payment.amount_refunded) == (True, 0)
        assert Event.objects.filter(type="payment.needs_review").count() == 1

    @pytest.mark.parametrize("together", [True, False])
    def test_or_told_for_two_payments_it_is_booked_for_one(self, together):
        shop = a_shop()
        one, other = shop.sold(1_000), shop.sold(1_000)

        for payment in (one, other):
            told(payment, "refund.succeeded", reference="dashboard", provider_id="re_x",
                 amount=300, charge_reference=str(payment.id))  # fmt: skip
            if not together:
                drain()
        drain()

        assert len(theirs()) == 1
        assert parked() == [ELSEWHERE]
        owed = accounts.gateway_receivable(one.gateway, "INR", "test")
        assert books.balance(owed, Layer.POSTED) == 1_700
        assert wrong() == []
