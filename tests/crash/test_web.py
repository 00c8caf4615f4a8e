"""Web may die in the middle of anything; a key is one payment, whoever asks how often."""

import pytest

from tests.crash import books
from tests.crash.merchants import Merchants

pytestmark = pytest.mark.usefixtures("django_db_setup")

PAYMENTS = 300


def test_web_killed_under_load_makes_one_payment_of_each_key(begin):
    stack = begin("web", "dispatcher", "worker")
    merchants = Merchants(stack)
    bodies = [{"key": f"load-{number}"} for number in range(PAYMENTS)]
    with merchants.paying(bodies) as futures:
        for done in (50, 150):
            stack.until("some answers", lambda done=done: len(merchants.promised) >= done, 30)

            stack.kill("web")

            stack.start("web")
        answers = [future.result() for future in futures]

    again = merchants.pay_all(bodies)
    assert again == answers
    assert merchants.retries > 0
    assert not merchants.server_errors
    books.settle(stack)
    books.check(stack, merchants)
    assert stack.value("SELECT count(*) FROM payments_payment") == PAYMENTS
