"""Refunds: of the rest without a key, of a part with one, never beyond what was captured."""

import pytest

from gateways.base import declined, succeeded
from payments.models import Operation, Refund
from tests.money import PAYMENTS, a_client, a_shop, drain, problem, reciting

pytestmark = pytest.mark.django_db


class TestOfTheRest:
    def test_needs_no_key_and_takes_everything(self):
        shop = a_shop()
        payment = shop.sold(1_000)

        answer = shop.refund(payment)

        assert answer.status_code == 201
        assert answer["Location"] == f"/api/refunds/{answer.json()['id']}/"
        members = answer.json()
        assert members.pop("created_at")
        assert members == {
            "id": str(Refund.objects.get().id),
            "payment": str(payment.id),
            "amount": 1_000,
            "currency": "INR",
            "status": "PENDING",
            "failure": None,
            "reason": None,
            "origin": "merchant",
        }

    def test_is_answered_with_itself_while_it_is_pending(self):
        shop = a_shop()
        payment = shop.sold()
        first = shop.refund(payment)

        again = shop.refund(payment)

        assert again.status_code == 200
        assert again.content == first.content
        assert Refund.objects.count() == 1

    def test_is_answered_with_itself_when_it_has_succeeded(self):
        shop = a_shop()
        payment = shop.sold()
        first = shop.refund(payment).json()
        drain()

        again = shop.refund(payment)

        assert again.status_code == 200
        assert again.json() == {**first, "status": "SUCCEEDED"}

    def test_makes_the_payment_refunded(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        shop.refund(payment)

        drain()

        read = shop.get(f"{PAYMENTS}{payment.id}/").json()
        assert (read["status"], read["amount_refunded"]) == ("REFUNDED", 1_000)

    def test_is_made_anew_after_it_failed(self, settings):
        shop = a_shop()
        payment = shop.sold()
        reciting(settings, declined("no_funds", "No funds."), succeeded("re_2", 1_000, "INR"))
        first = shop.refund(payment).json()
        drain()
        failed = shop.get(f"/api/refunds/{first['id']}/").json()

        second = shop.refund(payment)
        drain()

        assert failed["status"] == "FAILED"
        assert failed["failure"] == {"code": "no_funds", "message": "No funds."}
        assert second.status_code == 201
        assert second.json()["id"] != first["id"]
        payment.refresh_from_db()
        assert payment.status == "REFUNDED"

    def test_takes_what_parts_have_left(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        shop.refund(payment, key="a", amount=300)

        assert shop.refund(payment).json()["amount"] == 700

    def test_is_refused_where_nothing_is_left(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        shop.refund(payment, key="a", amount=1_000)

        assert problem(shop.refund(payment)) == (422, "refund-exceeds-captured")

    def test_may_come_with_a_key_and_a_reason(self):
        shop = a_shop()
        payment = shop.sold()

        first = shop.refund(payment, key="k", reason="returned")
        again = shop.refund(payment, key="k", reason="returned")

        assert first.json()["reason"] == "returned"
        assert again.content == first.content
        assert again["Idempotency-Replayed"] == "true"


FORMS = ["", "application/json", "application/x-www-form-urlencoded", "text/plain"]


@pytest.mark.parametrize("content_type", FORMS)
def test_an_empty_body_of_any_type_is_fine(content_type):
    shop = a_shop()
    payment = shop.sold()
    path = f"{PAYMENTS}{payment.id}/refund/"

    answer = a_client().generic(
        "POST", path, b"", headers={"X-API-KEY": shop.secret},
        CONTENT_TYPE=content_type, CONTENT_LENGTH="0",
    )  # fmt: skip

    assert answer.status_code == 201, answer.content


class TestOfAPart:
    def test_needs_a_key(self):
        shop = a_shop()

        answer = shop.refund(shop.sold(), amount=100)

        assert problem(answer) == (400, "idempotency-key-missing")
        assert not Refund.objects.exists()

    def test_leaves_the_payment_successful(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        shop.refund(payment, key="a", amount=400)

        drain()

        read = shop.get(f"{PAYMENTS}{payment.id}/").json()
        assert (read["status"], read["amount_refunded"]) == ("SUCCESS", 400)

    def test_after_part_is_everything(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        shop.refund(payment, key="a", amount=400)
        shop.refund(payment, key="b", amount=600)

        drain()

        payment.refresh_from_db()
        assert (payment.status, payment.amount_refunded) == ("REFUNDED", 1_000)

    def test_counts_what_is_only_pending(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        shop.refund(payment, key="a", amount=600)

        answer = shop.refund(payment, key="b", amount=401)

        assert problem(answer) == (422, "refund-exceeds-captured")
        assert answer.json()["refundable"] == 400

    def test_that_failed_gives_its_room_back(self, settings):
        shop = a_shop()
        payment = shop.sold(1_000)
        reciting(settings, declined("no"))
        shop.refund(payment, key="a", amount=600)
        drain()

        assert shop.refund(payment, key="b", amount=1_000).status_code == 201

    @pytest.mark.parametrize(
        ("body", "refusal"),
        {
            "nothing": ({"amount": 0}, (422, "amount-invalid")),
            "less": ({"amount": -5}, (422, "amount-invalid")),
            "a string": ({"amount": "5"}, (400, "validation-error")),
            "a float": ({"amount": 5.0}, (400, "validation-error")),
            "a boolean": ({"amount": True}, (400, "validation-error")),
            "null": ({"amount": None}, (400, "validation-error")),
            "a currency, too": ({"amount": 5, "currency": "INR"}, (400, "validation-error")),
            "a status, too": ({"amount": 5, "status": "SUCCEEDED"}, (400, "validation-error")),
            "a long reason": ({"amount": 5, "reason": "x" * 256}, (422, "value-invalid")),
        }.values(),
    )
    def test_is_refused_of(self, body, refusal):
        shop = a_shop()
        path = f"{PAYMENTS}{shop.sold().id}/refund/"

        assert problem(shop.post(path, body, Idempotency_Key="k")) == refusal
        assert not Refund.objects.exists()


def test_a_payment_nobody_charged_cannot_be_refunded():
    shop = a_shop()

    answer = shop.refund(shop.accepted())

    assert problem(answer) == (409, "invalid-state")
    assert answer.json()["payment_status"] == "CREATED"


def test_a_failed_payment_cannot_be_refunded():
    shop = a_shop()
    payment = shop.accepted(gateway="mock_failure")
    drain()

    answer = shop.refund(payment)

    assert problem(answer) == (409, "invalid-state")
    assert answer.json()["payment_status"] == "FAILED"


def test_a_part_of_a_refunded_payment_cannot_be_refunded():
    shop = a_shop()
    payment = shop.sold()
    shop.refund(payment)
    drain()

    answer = shop.refund(payment, key="k", amount=1)

    assert problem(answer) == (409, "invalid-state")
    assert answer.json()["payment_status"] == "REFUNDED"


def test_each_refund_goes_to_the_provider_under_a_key_of_its_own():
    shop = a_shop()
    payment = shop.sold(1_000)
    shop.refund(payment, key="a", amount=1)
    shop.refund(payment, key="b", amount=1)

    drain()

    attempts = [a for o in Operation.objects.all() for a in o.attempts.all()]
    assert len({attempt.provider_key for attempt in attempts}) == len(attempts) == 3
