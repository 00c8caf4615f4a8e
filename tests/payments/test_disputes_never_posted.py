"""What is never booked of a dispute: it is parked, and the payment's own review says so."""

import pytest

from core.db import transaction
from outbox import staging
from payments.models import Dispute
from tests.money import a_shop, drain, told
from tests.payments.disputes import owed, parked, say, standing, the_dispute
from tests.payments.promises import broken
from webhooks.ingress import APPLY
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.django_db


class TestNeverPosted:
    """It is parked where a person looks, and the payment's own review says so."""

    @pytest.mark.parametrize("changed", [{"amount": 401}, {"currency": "USD"}])
    def test_is_other_money_than_was_said_first(self, changed):
        payment = a_shop().sold()
        say(payment, "opened", amount=400)
        before = standing(payment)

        say(payment, "won", **{"amount": 400, **changed})

        assert the_dispute().status == "OPEN"
        assert standing(payment) == before
        assert payment.needs_review
        assert len(parked()) == 1

    @pytest.mark.parametrize("changed", [{"amount": 1_001}, {"currency": "USD"}])
    def test_is_a_dispute_over_more_or_other_money_than_was_captured(self, changed):
        payment = a_shop().sold()

        say(payment, "opened", **changed)

        assert not Dispute.objects.exists()
        assert standing(payment) == (1_000, 0, 1_000, 0)
        assert payment.needs_review
        assert len(parked()) == 1

    def test_is_what_goes_beyond_the_capture_together_with_others(self):
        payment = a_shop().sold()
        say(payment, "opened", amount=600)

        say(payment, "opened", amount=401, provider_id="dp_2")

        assert Dispute.objects.count() == 1
        assert owed(payment) == 400
        assert payment.needs_review

    def test_is_not_what_fits_beside_others_or_comes_after_one_that_was_won(self):
        payment = a_shop().sold()
        say(payment, "opened", amount=600)
        say(payment, "opened", amount=400, provider_id="dp_2")
        say(payment, "won", amount=600)

        say(payment, "opened", amount=600, provider_id="dp_3")

        assert Dispute.objects.count() == 3
        assert owed(payment) == 0
        assert not payment.needs_review
        assert broken() == []

    def test_is_a_dispute_that_was_told_of_for_another_payment(self):
        shop = a_shop()
        first, second = shop.sold(), shop.sold()
        say(first, "opened")

        say(second, "opened")

        assert parked() == ["the provider has told of this dispute for another payment"]
        assert the_dispute().payment == first
        assert second.needs_review

    @pytest.mark.parametrize("reference", ["order-7", "0193a2f0-5b1c-7c3e-9d2a-6f1e0c9b7a55"])
    def test_is_a_dispute_of_a_payment_that_nobody_knows(self, reference):
        payment = a_shop().sold()

        say(payment, "opened", reference=reference)

        assert len(parked()) == 1
        assert not Dispute.objects.exists()
        assert not payment.needs_review

    def test_is_a_dispute_that_another_gateway_tells_of(self):
        payment = a_shop().sold()
        payment.gateway = "mock_failure"

        told(payment, "dispute.opened", provider_id="dp_1")
        drain()

        assert parked() == ["the operation belongs to another gateway"]
        assert not Dispute.objects.exists()

    def test_may_be_applied_again_once_it_fits(self):
        payment = a_shop().sold()
        say(payment, "opened", amount=600)
        say(payment, "opened", amount=600, provider_id="dp_2")
        say(payment, "won", amount=600)
        event = ProviderEvent.objects.exclude(parked_at=None).get()

        ProviderEvent.objects.filter(id=event.id).update(parked_at=None, parked_reason="")
        with transaction():
            staging.stage(kind=APPLY, lane=f"{APPLY}:mock_success", subject_id=event.id)
        drain()

        assert Dispute.objects.get(provider_id="dp_2").status == "OPEN"
        assert parked() == []
