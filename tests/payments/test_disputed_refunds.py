"""What a dispute forbids: a refund of a disputed payment, and of what a dispute took for good."""

import json

import pytest

from gateways.base import pending, succeeded
from payments.models import Event, Payment, Refund
from tests.money import a_shop, drain, problem, reciting, told
from tests.payments.disputes import owed, say, the_dispute
from tests.payments.promises import broken

pytestmark = pytest.mark.django_db


class TestWhileItIsOpen:
    @pytest.mark.parametrize("asked", [{}, {"amount": 100}])
    def test_a_refund_is_refused_with_the_disputes_id_and_changes_nothing(self, asked):
        shop = a_shop()
        payment = shop.sold()
        say(payment, "opened", amount=400)
        before, told_of = Payment.objects.values().get(), Event.objects.count()

        answer = shop.refund(payment, key="k" if asked else "", **asked)

        assert problem(answer) == (409, "invalid-state")
        members = json.loads(answer.content)
        assert members["dispute"] == str(the_dispute().id)
        assert members["payment_status"] == "SUCCESS"
        assert Payment.objects.values().get() == before
        assert Event.objects.count() == told_of
        assert not Refund.objects.exists()

    def test_the_refusal_is_the_answer_under_its_key(self):
        shop = a_shop()
        payment = shop.sold()
        say(payment, "opened")
        first = shop.refund(payment, key="k", amount=100)
        say(payment, "won")

        again = shop.refund(payment, key="k", amount=100)

        assert again.status_code == first.status_code == 409
        assert shop.refund(payment, key="another", amount=100).status_code == 201

    def test_a_refund_that_was_asked_for_before_goes_on(self, settings):
        shop = a_shop()
        payment = shop.sold()
        reciting(settings, pending("re_1"), succeeded("re_1", 300, "INR"))
        refund = shop.refund(payment, key="k", amount=300).json()["id"]
        drain()
        say(payment, "opened", amount=400)

        told(payment, "refund.succeeded", reference=refund, provider_id="re_1", amount=300)
        drain()

        assert Refund.objects.get().status == "SUCCEEDED"
        assert owed(payment) == 300
        assert broken() == []

    def test_the_refund_of_the_rest_that_is_under_way_is_answered_as_before(self, settings):
        shop = a_shop()
        payment = shop.sold()
        reciting(settings, pending("re_1"))
        first = shop.refund(payment)
        drain()
        say(payment, "opened")

        assert shop.refund(payment).json() == {**first.json(), "status": "PENDING"}

    def test_a_refund_made_at_the_provider_is_booked_all_the_same(self):
        payment = a_shop().sold()
        say(payment, "opened", amount=400)

        told(
            payment,
            "refund.succeeded",
            reference="dashboard",
            charge_reference=str(payment.id),
            provider_id="re_x",
            amount=300,
        )
        drain()

        assert owed(payment) == 300
        assert broken() == []


class TestAfterIt:
    def test_was_won_all_can_be_refunded(self):
        shop = a_shop()
        payment = shop.sold()
        say(payment, "opened", "won", amount=400)

        shop.refund(payment)
        drain()

        payment.refresh_from_db()
        assert (payment.status, payment.amount_refunded) == ("REFUNDED", 1_000)

    def test_was_lost_only_the_rest_can_be_refunded(self):
        shop = a_shop()
        payment = shop.sold()
        say(payment, "opened", "lost", amount=400)
        shop.refund(payment, key="a", amount=100)
        drain()

        refused = shop.refund(payment, key="b", amount=501)
        rest = shop.refund(payment)

        assert problem(refused) == (422, "refund-exceeds-captured")
        assert json.loads(refused.content)["refundable"] == 500
        assert rest.json()["amount"] == 500
        drain()
        assert owed(payment) == 0
        assert broken() == []

    def test_took_all_nothing_can_be_refunded(self):
        shop = a_shop()
        payment = shop.sold()
        say(payment, "opened", "lost")

        answer = shop.refund(payment)

        assert problem(answer) == (422, "refund-exceeds-captured")
        assert json.loads(answer.content)["refundable"] == 0

    def test_took_what_had_gone_back_nothing_is_left_rather_than_less(self):
        shop = a_shop()
        payment = shop.sold()
        shop.refund(payment, key="a", amount=700)
        drain()
        say(payment, "opened", "lost", amount=600)

        answer = shop.refund(payment, key="b", amount=1)

        assert json.loads(answer.content)["refundable"] == 0
        assert owed(payment) == -300
        assert broken() == []

    def test_was_won_and_refunded_before_it_is_lost_the_books_say_what_happened(self):
        shop = a_shop()
        payment = shop.sold()
        say(payment, "opened", "won")
        shop.refund(payment)
        drain()

        say(payment, "lost")

        assert (the_dispute().status, payment.status) == ("LOST", "REFUNDED")
        assert owed(payment) == -1_000
        assert payment.needs_review
        assert broken() == []
