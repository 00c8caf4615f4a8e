"""Calling a person: once, for as long as what it was about lasts, or until the person is done."""

from datetime import timedelta
from typing import Any

import pytest

from core.db import rows
from gateways.base import AnswerLost, declined, pending, succeeded
from payments.facts import Review
from payments.models import Event, Payment, Refund
from tests.money import Shop, a_shop, drain, hurry, reciting, run_due, told

pytestmark = pytest.mark.django_db

TAKEN = succeeded("ch_1", 1_000, "INR")


@pytest.fixture(autouse=True)
def _one_try_a_call(settings: Any) -> None:
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)


def run_again() -> None:
    hurry()
    run_due()


def review_of(payment: Payment) -> tuple[bool, str]:
    payment.refresh_from_db()
    return payment.needs_review, payment.review_reason


def calls() -> int:
    return Event.objects.filter(type="payment.needs_review").count()


class TestForAnOperationInDoubt:
    def make(self, settings: Any, *answers: Any) -> Payment:
        settings.REVIEW_AFTER = timedelta(0)
        reciting(settings, AnswerLost("cut"), AnswerLost("cut"), *answers, find=False)
        payment = a_shop().accepted()
        # In a test's one transaction `now()` stands still.
        run_due()
        rows(
            "UPDATE payments_payment SET outcome_unknown_since = now() - interval '1 s'"
            " WHERE id = %s",
            [payment.id],
        )
        run_again()
        return payment

    def test_is_done_once(self, settings: Any) -> None:
        payment = self.make(settings, AnswerLost("cut"))

        for _ in range(3):
            run_again()

        assert review_of(payment) == (True, "its outcome is still unknown")
        assert calls() == 1

    @pytest.mark.parametrize(
        ("answer", "status"), [(TAKEN, "SUCCESS"), (declined("no"), "FAILED")], ids=["yes", "no"]
    )
    def test_ends_with_it(self, settings: Any, answer: Any, status: str) -> None:
        payment = self.make(settings, answer)
        assert review_of(payment)[0]

        run_again()

        assert review_of(payment) == (False, "")
        assert payment.review_operation is None
        assert payment.status == status

    def test_ends_with_a_webhook_about_it(self, settings: Any) -> None:
        payment = self.make(settings, AnswerLost("cut"))

        told(payment, "charge.succeeded")
        run_due()

        assert review_of(payment) == (False, "")

    def test_becomes_a_persons_matter_when_other_money_moved(self, settings: Any) -> None:
        payment = self.make(settings, TAKEN)

        told(payment, "charge.succeeded", amount=999)
        run_due()
        before = review_of(payment)
        run_again()

        assert before == (True, Review.OTHER_MONEY)
        assert review_of(payment) == before
        assert payment.status == "SUCCESS"
        assert calls() == 1


class TestForARefundInDoubt:
    def make(self, settings: Any, *answers: Any) -> tuple[Shop, Payment, Refund]:
        shop = a_shop()
        payment = shop.sold(1_000)
        settings.REVIEW_AFTER = timedelta(0)
        reciting(settings, AnswerLost("cut"), AnswerLost("cut"), *answers, find=False)
        refund_id = shop.refund(payment, key="a", amount=400).json()["id"]
        run_due()
        rows("UPDATE payments_refund SET outcome_unknown_since = now() - interval '1 s'")
        run_again()
        assert review_of(payment) == (True, "its outcome is still unknown")
        return shop, payment, Refund.objects.get(id=refund_id)

    @pytest.mark.parametrize("answer", [succeeded("re_1", 400, "INR"), declined("no")])
    def test_ends_with_the_refund(self, settings: Any, answer: Any) -> None:
        _, payment, _ = self.make(settings, answer)

        run_again()

        assert review_of(payment) == (False, "")

    def test_does_not_end_with_another_refund(self, settings: Any) -> None:
        shop, payment, _ = self.make(settings, AnswerLost("cut"))
        other = shop.refund(payment, key="b", amount=100).json()["id"]

        told(payment, "refund.succeeded", reference=other, amount=100, provider_id="re_2")
        run_due()

        assert Refund.objects.get(id=other).status == "SUCCEEDED"
        assert review_of(payment) == (True, "its outcome is still unknown")

    def test_does_not_end_one_that_facts_call_for(self, settings: Any) -> None:
        _, payment, refund = self.make(settings, succeeded("re_1", 400, "INR"))
        told(payment, "charge.succeeded", provider_id="ch_other")
        run_due()

        run_again()

        refund.refresh_from_db()
        assert refund.status == "SUCCEEDED"
        assert review_of(payment) == (True, Review.MOVED_TWICE)
        assert calls() == 1


def test_money_that_moved_twice_is_a_persons_matter() -> None:
    shop = a_shop()
    payment = shop.sold(1_000)

    for _ in range(2):
        told(payment, "charge.succeeded", provider_id="ch_other")
        drain()
    shop.refund(payment)
    drain()

    assert review_of(payment) == (True, Review.MOVED_TWICE)
    assert (payment.status, calls()) == ("REFUNDED", 1)


class TestForAGatewayThatIsNotConfigured:
    def make(self, settings: Any) -> tuple[Payment, dict[str, Any]]:
        gateways = dict(settings.GATEWAYS)
        payment = a_shop().accepted()
        settings.GATEWAYS = {k: v for k, v in gateways.items() if k != payment.gateway}
        run_due()
        return payment, gateways

    def message(self) -> tuple[int, int, int]:
        sql = "SELECT state, failures, available_at - now() > '59 min' FROM outbox_message"
        ((state, failures, is_slow),) = rows(sql)
        return state, failures, is_slow

    def test_spends_nothing_and_is_tried_again_hourly(self, settings: Any) -> None:
        payment, _ = self.make(settings)

        for _ in range(30):
            run_again()

        assert review_of(payment) == (True, f"no gateway {payment.gateway} is configured")
        assert (payment.status, payment.outcome_unknown_since) == ("CREATED", None)
        assert self.message() == (0, 0, True)
        assert (calls(), payment.operations.get().attempts.count()) == (1, 0)

    def test_ends_when_it_is_back(self, settings: Any) -> None:
        payment, gateways = self.make(settings)
        settings.GATEWAYS = gateways

        run_again()

        assert review_of(payment) == (False, "")
        assert payment.status == "SUCCESS"

    def test_is_not_needed_for_what_its_provider_told_us_before(self, settings: Any) -> None:
        reciting(settings, pending("ch_1"))
        payment = a_shop().accepted()
        run_due()
        told(payment, "charge.failed", code="no")
        settings.GATEWAYS = {}

        run_due()

        assert review_of(payment) == (False, "")
        assert (payment.status, payment.failure_code) == ("FAILED", "no")
        assert rows("SELECT failures FROM outbox_message WHERE kind = 'apply'") == [(0,)]
