"""Disputes and refunds of one payment at once: the payment's lock decides who came first."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from dispatcher import runner
from payments.models import Dispute, Refund
from tests.money import a_shop, claim_all, drain, elsewhere, told
from tests.payments.disputes import owed, standing, the_dispute
from tests.payments.promises import broken

pytestmark = pytest.mark.usefixtures("committed_db")


def test_no_refund_is_accepted_once_the_dispute_is_open():
    shop = a_shop()
    payment = shop.sold(1_000)
    told(payment, "dispute.opened", provider_id="dp_1", amount=400)
    jobs, is_open = claim_all(), threading.Event()

    def act(number: int) -> tuple[bool, int]:
        asked_late = is_open.is_set()
        if number == 20:
            for job in jobs:
                runner.run(job.lane, job.tickets, "host:1")
            is_open.set()
            return False, 0
        return asked_late, shop.refund(payment, key=f"refund-{number}", amount=7).status_code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda number: elsewhere(act, number), range(80)))
    statuses = Counter(status for _, status in answers)

    assert Dispute.objects.count() == 1
    assert statuses[201] == Refund.objects.count()
    assert statuses[201] + statuses[409] == 79
    assert {status for asked_late, status in answers if asked_late} == {409}
    drain()
    assert owed(payment) == 600 - 7 * statuses[201]
    assert broken() == []


def test_many_tell_of_one_dispute_at_once_and_it_is_there_once():
    payment = a_shop().sold(1_000)
    for number in range(12):
        for said in ("opened", "won"):
            told(payment, f"dispute.{said}", id=f"{said}-{number}", provider_id="dp_1", amount=400)
    (job,) = claim_all()

    def run(part: int) -> None:
        runner.run(job.lane, job.tickets[part::6], f"host:{part}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda part: elsewhere(run, part), range(6)))
    drain()

    assert the_dispute().facts.count() == 24
    assert standing(payment) == (1_000, 0, 1_000, 0)
    assert broken() == []


def test_one_dispute_told_of_two_payments_at_once_is_of_one_of_them():
    shop = a_shop()
    payments = [shop.sold(1_000), shop.sold(1_000)]
    for payment in payments:
        told(payment, "dispute.opened", provider_id="dp_1")
    (job,) = claim_all()

    def run(part: int) -> None:
        runner.run(job.lane, job.tickets[part : part + 1], f"host:{part}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda part: elsewhere(run, part), range(2)))
    for _ in range(3):
        drain()

    assert Dispute.objects.count() == 1
    assert broken() == []
