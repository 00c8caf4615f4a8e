"""Refunds of one payment from many connections at once."""

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from django.conf import settings

from core.db import rows
from payments.models import Operation, Refund
from tests.money import PAYMENTS, a_shop, drain, elsewhere, net
from tests.payments.promises import broken

pytestmark = pytest.mark.usefixtures("committed_db")


REFUND = "/refund/"
REFUNDS = "/refunds/"


def at_the_provider(kind: str) -> list[int]:
    """Return the amounts of what the provider did, by its own book."""
    with closing(sqlite3.connect(settings.MOCK_DB)) as book:
        ours = {str(one) for one in Operation.objects.values_list("id", flat=True)}
        found = book.execute("SELECT operation, amount FROM effects WHERE kind = ?", [kind])
        return [amount for operation, amount in found if operation in ours]


@pytest.mark.parametrize("address", [REFUND, REFUNDS])
def test_two_hundred_refunds_of_seven_on_a_thousand_are_one_hundred_and_forty_two(address):
    shop = a_shop()
    payment = shop.sold(1_000)

    def refund(number: int) -> int:
        path, key = f"{PAYMENTS}{payment.id}{address}", f"refund-{number}"
        return int(shop.post(path, {"amount": 7}, Idempotency_Key=key).status_code)

    with ThreadPoolExecutor(20) as pool:
        statuses = Counter(pool.map(lambda number: elsewhere(refund, number), range(200)))

    payment.refresh_from_db()
    assert statuses == {201: 142, 422: 58}
    assert payment.amount_refund_held == 142 * 7
    assert rows("SELECT count(*), sum(amount) FROM payments_refund") == [(142, 994)]

    drain()

    payment.refresh_from_db()
    assert (payment.status, payment.amount_refunded) == ("SUCCESS", 994)
    assert Counter(Refund.objects.values_list("status", flat=True)) == {"SUCCEEDED": 142}
    assert at_the_provider("refund") == [7] * 142
    assert at_the_provider("charge") == [1_000]
    (balance,) = shop.get("/api/balance/").json()["balances"]
    assert (balance["pending"], balance["available"]) == (0, 6)
    assert sum(abs(amount) for amount in net(payment).values()) == 2 * 6
    assert broken() == []


def test_many_refunds_of_the_rest_are_one():
    shop = a_shop()
    payment = shop.sold(1_000)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: elsewhere(shop.refund, payment), range(20)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert len({answer.content for answer in answers}) == 1


def test_parts_and_the_rest_together_are_what_was_captured():
    shop = a_shop()
    payment = shop.sold(1_000)

    def refund(number: int) -> int:
        part: dict[str, Any] = {"key": f"k{number}", "amount": 90} if number % 3 else {}
        return int(shop.refund(payment, **part).status_code)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda number: elsewhere(refund, number), range(30)))
    drain()

    payment.refresh_from_db()
    assert payment.status == "REFUNDED"
    assert sum(Refund.objects.values_list("amount", flat=True)) == 1_000
    assert net(payment) == {}
