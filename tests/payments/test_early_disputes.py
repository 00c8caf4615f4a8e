"""A dispute that is told of before we know that its payment was captured waits for that."""

from datetime import timedelta

import pytest
from django.utils import timezone

from gateways.base import Found, NotFound, declined, pending, succeeded
from payments import rechecking
from payments.disputing import WAITS_MAX
from payments.models import Dispute, Operation
from tests.money import a_shop, charge_of, drain, hurry, messages, reciting, told
from tests.payments.disputes import parked, say, standing, the_dispute
from tests.payments.holding import capture, held
from tests.payments.promises import broken
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.django_db


def waiting() -> list[tuple[str, int]]:
    """Return the errors and failures of what waits to be applied."""
    event = ProviderEvent.objects.get(kind="dispute", applied_at=None, parked_at=None)
    return messages(event.id, "last_error", "failures")


def test_it_waits_and_is_applied_once_the_capture_is_known(settings):
    reciting(settings, pending("ch_1"))
    payment = a_shop().accepted()
    drain()
    say(payment, "opened", amount=400)
    assert waiting() == [("it is about a charge that is not known to be captured yet", 0)]

    told(payment, "charge.succeeded", provider_id="ch_1")
    drain()
    hurry()
    drain()

    payment.refresh_from_db()
    assert payment.status == "SUCCESS"
    assert standing(payment) == (600, 400, 600, 400)
    assert broken() == []


def test_it_has_the_provider_asked_at_once(settings):
    provider = reciting(settings, pending("ch_1"))
    payment = a_shop().accepted()
    drain()
    provider.answers = [Found(succeeded("ch_1", 1_000, "INR"))]

    say(payment, "opened", "lost")
    hurry()
    drain()

    payment.refresh_from_db()
    assert (payment.status, the_dispute().status) == ("SUCCESS", "LOST")
    assert standing(payment) == (0, 0, 0, 0)


def test_that_was_told_before_the_charge_was_even_sent_is_not_lost():
    payment = a_shop().accepted()
    told(payment, "dispute.won", provider_id="dp_1")
    told(payment, "dispute.opened", provider_id="dp_1")

    drain()
    hurry()
    drain()

    payment.refresh_from_db()
    assert (payment.status, the_dispute().status) == ("SUCCESS", "WON")
    assert standing(payment) == (1_000, 0, 1_000, 0)
    assert broken() == []


class TestOfAFailedPayment:
    def a_failed_payment(self, settings):
        provider = reciting(settings, declined("do_not_honor"), find=True)
        payment = a_shop().accepted()
        drain()
        payment.refresh_from_db()
        assert payment.status == "FAILED"
        return payment, provider

    def test_it_has_the_provider_looked_at_and_is_applied_if_it_captured_after_all(self, settings):
        payment, provider = self.a_failed_payment(settings)
        provider.answers = [Found(succeeded("ch_1", 1_000, "INR"))]
        say(payment, "opened")

        assert rechecking.stage_due() == 1
        drain()
        hurry()
        drain()

        payment.refresh_from_db()
        assert (payment.status, the_dispute().status) == ("SUCCESS", "OPEN")
        assert standing(payment) == (0, 1_000, 0, 1_000)
        assert broken() == []

    def test_it_is_parked_and_calls_a_person_if_the_provider_knows_of_no_capture(self, settings):
        payment, provider = self.a_failed_payment(settings)
        provider.answers = [NotFound()]
        say(payment, "opened")

        for _ in range(WAITS_MAX):
            assert parked() == []
            hurry()
            drain()

        payment.refresh_from_db()
        reason = "the provider tells of a dispute over a payment that captured nothing"
        assert parked() == [reason]
        assert (payment.needs_review, payment.review_reason) == (True, reason)
        assert not Dispute.objects.exists()
        assert broken() == []

    def test_it_has_the_provider_looked_at_now_rather_than_when_its_day_comes(self, settings):
        payment, _ = self.a_failed_payment(settings)
        soon = timezone.now() + timedelta(hours=1)
        Operation.objects.update(recheck_at=soon)

        say(payment, "opened")

        assert (charge_of(payment).recheck_at or soon) < soon


def test_of_a_payment_that_a_person_looks_at_already_it_is_parked(settings):
    reciting(settings, pending("ch_1"))
    payment = a_shop().accepted()
    drain()
    told(payment, "charge.succeeded", amount=999, provider_id="ch_1")
    drain()

    say(payment, "opened")

    assert len(parked()) == 2
    assert payment.needs_review


class TestOfMoneyThatIsHeld:
    def test_it_waits_for_the_capture_of_a_part_and_is_over_no_more_than_that(self):
        shop = a_shop()
        payment = held(shop)
        told(payment, "dispute.opened", provider_id="dp_1", amount=600)
        told(payment, "dispute.opened", provider_id="dp_2", amount=601)
        drain()
        assert not Dispute.objects.exists()

        capture(shop, payment, amount=600)
        drain()
        hurry()
        drain()

        payment.refresh_from_db()
        assert (the_dispute().amount, payment.amount_captured) == (600, 600)
        assert parked() == ["the provider tells of disputes over more than was captured"]
        assert standing(payment) == (0, 600, 0, 600)
        assert broken() == []

    def test_it_is_parked_and_calls_a_person_if_nothing_is_captured(self):
        payment = held()
        say(payment, "opened")

        for _ in range(WAITS_MAX):
            assert parked() == []
            hurry()
            drain()

        payment.refresh_from_db()
        assert payment.needs_review
        assert len(parked()) == 1
        assert not Dispute.objects.exists()
