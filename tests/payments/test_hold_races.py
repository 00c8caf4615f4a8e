"""Capture against cancel, of one payment, from two connections at the same moment."""

import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest

from core.db import rows
from payments.models import Payment
from tests.money import Shop, a_shop, charge_of, drain, elsewhere, hurry, run_due
from tests.payments.holding import cancel, capture
from tests.payments.promises import broken

pytestmark = pytest.mark.usefixtures("committed_db")
RACES = 500
ENDS = {"SUCCESS": "capture", "CANCELED": "void"}


def at_provider(database: str, payment: Payment) -> list[str]:
    """Return what the provider's own file says was done to the charge of a payment."""
    sql = (
        "SELECT kind FROM objects WHERE charge_operation = ?"
        " AND kind IN ('capture', 'void') AND status = 'succeeded'"
    )
    with closing(sqlite3.connect(database)) as db:
        return [ends for (ends,) in db.execute(sql, [str(charge_of(payment).id)])]


def held_payments(shop: Shop, number: int) -> list[Payment]:
    for _ in range(number):
        shop.accepted(1_000, gateway="mock", capture_method="manual")
    drain(rounds=100)
    found = list(Payment.objects.order_by("id"))
    assert {payment.status for payment in found} == {"AUTHORIZED"}
    return found


def race(shop: Shop, payment: Payment) -> tuple[int, int]:
    """Capture and cancel at the same moment, each from a connection of its own."""
    start = threading.Barrier(2)

    def ask(what: Any) -> int:
        start.wait(30)
        return int(elsewhere(what, shop, payment, key=str(uuid4())).status_code)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(ask, (capture, cancel))
    return first, second


def test_of_a_capture_and_a_cancel_at_once_one_is_carried_out(settings):
    shop = a_shop()
    payments = held_payments(shop, RACES)

    answers = Counter(race(shop, payment) for payment in payments)
    drain(rounds=100)

    assert set(answers) == {(202, 409), (409, 202)}, answers
    ends = Counter(Payment.objects.values_list("status", flat=True))
    assert ends == Counter({"SUCCESS": answers[202, 409], "CANCELED": answers[409, 202]})
    # The provider's own books, ours, and where the payments stand.
    for payment in Payment.objects.all():
        assert at_provider(settings.MOCK_DB, payment) == [ENDS[payment.status]]
    posted = rows("SELECT coalesce(sum(amount), 0) FROM ledger_transfer WHERE layer = 'posted'")
    assert posted == [(1_000 * ends["SUCCESS"],)]
    assert rows(
        "SELECT payment_id FROM payments_operation WHERE kind IN ('capture', 'void')"
        " GROUP BY payment_id HAVING count(*) <> 1"
    ) == []  # fmt: skip
    assert broken(quiescent=True) == []


def test_so_it_is_while_a_worker_carries_out_what_wins():
    shop = a_shop()
    payments = held_payments(shop, 40)
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            run_due()

    worker = threading.Thread(target=elsewhere, args=[work])
    worker.start()
    try:
        for payment in payments:
            race(shop, payment)
            race(shop, payment)
    finally:
        done.set()
        worker.join(60)
    hurry()
    drain(rounds=100)

    assert set(Payment.objects.values_list("status", flat=True)) <= set(ENDS)
    assert rows(
        "SELECT payment_id FROM payments_operation WHERE kind IN ('capture', 'void')"
        " AND state = 'succeeded' GROUP BY payment_id HAVING count(*) <> 1"
    ) == []  # fmt: skip
    assert broken(quiescent=True) == []
