"""What is another merchant's, or of the other mode, does not exist."""

from uuid import uuid4

import pytest

from tests.money import PAYMENTS, Shop, a_shop, problem

pytestmark = pytest.mark.django_db

GONE = (404, "not-found")
UNKNOWN_PARAMETER = (400, "validation-error")


def strangers(shop: Shop) -> list[Shop]:
    return [a_shop(), a_shop(mode="live", merchant=shop.merchant)]


class TestAnotherMerchantOrMode:
    def test_sees_no_payment(self):
        shop = a_shop()
        payment = shop.accepted()

        answers = [other.get(f"{PAYMENTS}{payment.id}/") for other in strangers(shop)]

        assert [problem(answer) for answer in answers] == [GONE, GONE]

    def test_sees_no_refund(self):
        shop = a_shop()
        refund = shop.refund(shop.sold()).json()

        answers = [other.get(f"/api/refunds/{refund['id']}/") for other in strangers(shop)]

        assert [problem(answer) for answer in answers] == [GONE, GONE]

    def test_cannot_refund(self):
        shop = a_shop()
        payment = shop.sold()

        answers = [other.refund(payment) for other in strangers(shop)]
        keyed = [other.refund(payment, key="k", amount=1) for other in strangers(shop)]

        assert [problem(answer) for answer in answers + keyed] == [GONE] * 4
        payment.refresh_from_db()
        assert payment.amount_refund_held == 0

    def test_sees_no_list(self):
        shop = a_shop()
        shop.accepted()

        lists = [other.get(PAYMENTS).json() for other in strangers(shop)]

        assert lists == [{"results": [], "next": None}] * 2

    def test_sees_no_balance(self):
        shop = a_shop()
        shop.sold()

        balances = [other.get("/api/balance/").json() for other in strangers(shop)]

        assert balances == [{"balances": []}] * 2

    def test_gets_nowhere_with_a_foreign_cursor(self):
        shop = a_shop()
        shop.accepted()
        shop.accepted()
        cursor = shop.get(PAYMENTS, limit="1").json()["next"]

        answers = [other.get(PAYMENTS, cursor=cursor) for other in strangers(shop)]

        assert [problem(answer) for answer in answers] == [(400, "validation-error")] * 2

    def test_may_use_the_same_idempotency_key(self):
        shop = a_shop()

        ids = {one.pay(key="k").json()["id"] for one in (shop, *strangers(shop))}

        assert len(ids) == 3


@pytest.mark.parametrize("path", [PAYMENTS, "/api/refunds/"])
def test_what_never_was_is_not_found(path):
    assert problem(a_shop().get(f"{path}{uuid4()}/")) == GONE


@pytest.mark.parametrize("path", [f"{PAYMENTS}7/", "/api/refunds/x/", "/api/nothing/"])
def test_what_cannot_be_an_id_is_not_found(path):
    assert problem(a_shop().get(path)) == GONE


def test_a_balance_says_what_is_expected_and_what_is_there():
    shop = a_shop()
    shop.sold(700)
    shop.sold(5, "JPY")
    shop.accepted(40)

    assert shop.get("/api/balance/").json() == {
        "balances": [
            {"currency": "INR", "pending": 40, "available": 700},
            {"currency": "JPY", "pending": 0, "available": 5},
        ]
    }
