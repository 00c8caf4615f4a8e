"""Two dispatchers and two workers under load, and no fault of ours: every sensor stays silent."""

import random
from collections import Counter

import pytest

from payments.states import Status
from tests.crash import books
from tests.crash.merchants import Merchants

pytestmark = pytest.mark.usefixtures("django_db_setup")

PAYMENTS = 300
ENDS = {
    "tok_success": Status.SUCCESS,
    "tok_decline_do_not_honor": Status.FAILED,
    "tok_pending_success": Status.SUCCESS,
    "tok_answer_lost": Status.SUCCESS,
    "tok_5xx_before": Status.SUCCESS,
    "tok_5xx_after": Status.SUCCESS,
    "tok_refund_answer_lost": Status.SUCCESS,
    "tok_refund_pending": Status.SUCCESS,
    "tok_refund_fails": Status.SUCCESS,
}
TROUBLESOME = {
    "tok_timeout": Status.SUCCESS,
    "tok_slow": Status.SUCCESS,
    "tok_find_lags": Status.SUCCESS,
    "tok_late_success": Status.SUCCESS,
    "tok_pending_silent_success": Status.SUCCESS,
    "tok_pending_failure": Status.FAILED,
    "tok_rate_limited_once": Status.SUCCESS,
    "tok_lost_before": Status.SUCCESS,
    "tok_unavailable_once": Status.SUCCESS,
}
# A lease longer than any wait here: what is late is then late by a fault.
LONG_LEASES = {"DISPATCH_LEASE_SECONDS": "30", "RUN_LEASE_SECONDS": "30"}
# Not among them: starts on settled operations, for a webhook may be faster than our own asking.
SENSORS = (
    "pay_stale_deliveries_total",
    "pay_fence_rejections_total",
    "pay_messages_lost_in_transport_total",
    "pay_messages_lapsed_total",
    "pay_messages_dead_total",
)


def test_two_of_each_carry_out_every_request_once_and_nothing_moves_twice(begin):
    names = ("web", "dispatcher", "dispatcher-2", "worker", "worker-2")
    stack = begin(*names, WORKER_SLOTS="4", **LONG_LEASES)
    merchants = Merchants(stack)
    methods = random.Random(7).choices(list(ENDS), k=PAYMENTS)
    bodies = [
        {"key": f"load-{number}", "payment_method": method, "amount": 1000 + number}
        for number, method in enumerate(methods)
    ]

    paid = merchants.pay_all([body for body in bodies for _ in range(2)])
    books.settle(stack)

    assert paid[::2] == paid[1::2]
    states = Counter(stack.rows("SELECT payment_method, status FROM payments_payment"))
    assert states == Counter((method, ENDS[method]) for method in methods)
    _refund_all(stack, merchants)
    books.settle(stack)
    stack.until("every booking is in the snapshots", lambda: not _tail(stack), 10)
    books.check(stack, merchants)
    assert {name: stack.counted(name) for name in SENSORS} == dict.fromkeys(SENSORS, 0)


def _tail(stack):
    return stack.rows("SELECT 1 FROM ledger_transaction, ledger_rollup WHERE xid > upto LIMIT 1")


def _refund_all(stack, merchants):
    """Refund a part of each, then the rest, each request twice."""
    successes = stack.rows("SELECT id::text FROM payments_payment WHERE status = 'SUCCESS'")
    for (payment,) in successes[:60]:
        for _ in range(2):
            merchants.refund(payment, key=f"part-{payment}", amount=300)
        for _ in range(2):
            merchants.refund(payment)


def test_whatever_a_provider_does_ends_without_a_human(begin):
    stack = begin("web", "dispatcher", "worker")
    merchants = Merchants(stack)

    merchants.pay_all({"payment_method": method} for method in TROUBLESOME)

    stack.until("the right ends", lambda: _ends(stack) == TROUBLESOME, 40)
    books.settle(stack)
    books.check(stack, merchants)
    assert stack.counted("pay_fence_rejections_total") == 0


def _ends(stack):
    return dict(stack.rows("SELECT payment_method, status FROM payments_payment"))
