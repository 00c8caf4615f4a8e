"""Refunds that a provider made after all, when their room was given to another one."""

from typing import Any

import pytest

from gateways.base import declined, pending, succeeded
from payments.facts import Review
from payments.models import Event, Payment, Refund
from tests.money import Shop, a_shop, drain, net, problem, reciting, told
from tests.payments.promises import broken

pytestmark = pytest.mark.django_db


def refund(shop: Shop, payment: Payment, amount: int) -> Refund:
    """Ask for a refund of a part, and hear of it."""
    answer = shop.refund(payment, key=f"part-{amount}", amount=amount)
    drain()
    return Refund.objects.get(id=answer.json()["id"])


def refund_rest(shop: Shop, payment: Payment) -> Refund:
    answer = shop.refund(payment)
    assert answer.status_code == 201, answer.content
    drain()
    return Refund.objects.get(id=answer.json()["id"])


def hear(refund: Refund, kind: str) -> None:
    """Have the provider say what became of a refund after all."""
    payment = Payment.objects.get(id=refund.payment_id)
    provider_id = f"re_{refund.id.hex}"
    told(payment, kind, reference=refund.id, provider_id=provider_id, amount=refund.amount)
    drain()
    refund.refresh_from_db()


class TestARefundOfTheRestThatHadFailed:
    @pytest.mark.parametrize(
        ("answer", "second"),
        [(pending("re_b"), "PENDING"), (succeeded("re_b", 1_000, "INR"), "SUCCEEDED")],
        ids=["pending", "made"],
    )
    def test_is_booked_beside_another_one(self, settings: Any, answer: Any, second: str) -> None:
        shop = a_shop()
        payment = shop.sold(1_000)
        reciting(settings, declined("no"), answer)
        first, other = refund_rest(shop, payment), refund_rest(shop, payment)
        other.refresh_from_db()

        hear(first, "refund.succeeded")

        payment.refresh_from_db()
        assert (first.status, other.status) == ("SUCCEEDED", second)
        assert (payment.amount_refund_held, payment.amount_overdrawn) == (1_000, 1_000)
        assert net(payment)["posted", "customer_suspense"] == 1_000
        assert broken() == []

    def test_calls_a_person_whom_only_a_person_sends_away(self, settings: Any) -> None:
        shop = a_shop()
        payment = shop.sold(1_000)
        reciting(settings, declined("no"), pending("re_b"))
        first, other = refund_rest(shop, payment), refund_rest(shop, payment)

        hear(first, "refund.succeeded")
        hear(other, "refund.failed")

        payment.refresh_from_db()
        assert (payment.needs_review, payment.review_reason) == (True, Review.OVERDRAWN)
        assert payment.review_operation is None
        assert Event.objects.filter(type="payment.needs_review").count() == 1

    def test_is_told_as_late(self, settings: Any) -> None:
        shop = a_shop()
        payment = shop.sold(1_000)
        reciting(settings, declined("no"), pending("re_b"))
        first, _ = refund_rest(shop, payment), refund_rest(shop, payment)

        hear(first, "refund.succeeded")

        told_of = Event.objects.get(type="refund.succeeded_late")
        assert told_of.aggregate_id == first.id

    def test_may_be_asked_for_only_once_at_a_time_all_the_same(self, settings: Any) -> None:
        shop = a_shop()
        payment = shop.sold(1_000)
        reciting(settings, declined("no"), pending("re_b"))
        refund_rest(shop, payment)
        other = refund_rest(shop, payment)

        again = shop.refund(payment)

        assert (again.status_code, again.json()["id"]) == (200, str(other.id))


class TestEightHundredAndFiveHundredOfAThousand:
    """The first one fails, the second one takes its room, and the first was made after all."""

    @pytest.fixture
    def overdrawn(self, settings: Any) -> tuple[Shop, Payment, Refund, Refund]:
        shop = a_shop()
        payment = shop.sold(1_000)
        reciting(settings, declined("no"), pending("re_b"))
        first = refund(shop, payment, 800)
        assert (first.status, broken()) == ("FAILED", [])
        second = refund(shop, payment, 500)
        assert (second.status, broken()) == ("PENDING", [])
        hear(first, "refund.succeeded")
        assert (first.status, broken()) == ("SUCCEEDED", [])
        payment.refresh_from_db()
        return shop, payment, first, second

    def test_are_three_hundred_too_many(self, overdrawn: Any) -> None:
        _, payment, _, _ = overdrawn

        assert (payment.amount_refund_held, payment.amount_overdrawn) == (1_000, 300)
        assert payment.needs_review
        assert net(payment) == {
            ("posted", "gateway_receivable"): 200,
            ("posted", "refunds_clearing"): -500,
            ("posted", "customer_suspense"): 300,
        }

    @pytest.mark.parametrize("amount", [1, 200, 500])
    def test_leave_nothing_to_refund(self, overdrawn: Any, amount: int) -> None:
        shop, payment, _, _ = overdrawn

        answer = shop.refund(payment, key="more", amount=amount)

        assert problem(answer) == (422, "refund-exceeds-captured")
        assert answer.json()["refundable"] == 0
        assert problem(shop.refund(payment)) == (422, "refund-exceeds-captured")

    def test_are_eight_hundred_when_the_second_fails(self, overdrawn: Any) -> None:
        shop, payment, _, second = overdrawn

        hear(second, "refund.failed")

        payment.refresh_from_db()
        assert (payment.amount_refund_held, payment.amount_overdrawn) == (800, 0)
        assert net(payment) == {
            ("posted", "gateway_receivable"): 200,
            ("posted", "merchant_payable"): -200,
        }
        assert broken() == []
        assert shop.refund(payment, key="more", amount=201).json()["refundable"] == 200
        assert shop.refund(payment).json()["amount"] == 200

    def test_stay_three_hundred_too_many_when_both_were_made(self, overdrawn: Any) -> None:
        _, payment, _, second = overdrawn

        hear(second, "refund.succeeded")

        payment.refresh_from_db()
        assert (payment.status, payment.amount_refunded) == ("REFUNDED", 1_300)
        assert net(payment) == {
            ("posted", "gateway_receivable"): -300,
            ("posted", "customer_suspense"): 300,
        }
        assert broken() == []
