"""Refunds of one payment from many connections at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core.db import rows
from payments.models import Refund
from tests.money import a_shop, drain, elsewhere, net

pytestmark = pytest.mark.usefixtures("committed_db")


def test_two_hundred_refunds_of_seven_on_a_thousand_are_one_hundred_and_forty_two():
    shop = a_shop()
    payment = shop.sold(1_000)

    def refund(number: int) -> int:
        return int(shop.refund(payment, key=f"refund-{number}", amount=7).status_code)

    with ThreadPoolExecutor(20) as pool:
        statuses = Counter(pool.map(lambda number: elsewhere(refund, number), range(200)))

    payment.refresh_from_db()
    assert statuses == {201: 142, 422: 58}
    assert payment.amount_refund_held == 142 * 7
    assert rows("SELECT sum(amount) FROM payments_refund") == [(994,)]


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
