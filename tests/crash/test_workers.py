"""A worker may die or freeze at any moment of a charge; the charge happens once."""

import time

import pytest

from payments.states import Status
from tests.crash import books
from tests.crash.gateways import HANG_AFTER, HANG_BEFORE, POISON
from tests.crash.merchants import Merchants

pytestmark = pytest.mark.usefixtures("django_db_setup")

_OPERATION = "SELECT id::text FROM payments_operation WHERE payment_id = %s"
_STATUS = "SELECT status FROM payments_payment WHERE id = %s"
_ANSWERS = """
    SELECT a.kind, a.outcome FROM payments_attempt a
    JOIN payments_operation o ON o.id = a.operation_id
    WHERE o.payment_id = %s ORDER BY a.id
"""


def _happened(stack, payment):
    operation = stack.value(_OPERATION, payment)
    return [effect for effect in books.effects(stack).elements() if effect[1] == operation]


def test_a_worker_killed_between_its_call_and_its_commit_charges_once(begin):
    stack = begin("web", "worker")
    merchants = Merchants(stack)
    hanging = merchants.pay_all(
        {"gateway": "hanging", "payment_method": HANG_AFTER} for _ in range(5)
    )
    merchants.pay_all({} for _ in range(5))
    stack.start("dispatcher")
    stack.until("five charges to happen", lambda: all(_happened(stack, one) for one in hanging), 10)

    stack.kill("worker")

    assert {stack.value(_STATUS, one) for one in hanging} == {Status.PROCESSING}
    stack.start("worker")
    books.settle(stack)
    books.check(stack, merchants)
    assert {stack.value(_STATUS, one) for one in hanging} == {Status.SUCCESS}
    assert stack.counted("pay_messages_lapsed_total") >= 5


def test_a_frozen_worker_that_wakes_after_another_finished_is_fenced(begin):
    stack = begin("web", "worker")
    merchants = Merchants(stack)
    keyed = merchants.pay(gateway="hanging", payment_method=HANG_AFTER)
    keyless = merchants.pay(gateway="hanging_keyless", payment_method=HANG_AFTER)
    stack.start("dispatcher")
    stack.until("both charges to happen", lambda: _both(stack, keyed, keyless), 10)
    stack.freeze("worker")
    stack.start("worker-2")
    books.settle(stack)
    before = stack.counted("pay_fence_rejections_total")

    stack.thaw_children("worker")

    stack.until("two fences", lambda: stack.counted("pay_fence_rejections_total") == 2, 10)
    assert before == 0
    for payment in (keyed, keyless):
        stack.until("the late answer to be kept", lambda one=payment: _all_heard(stack, one), 10)
        assert stack.rows(_ANSWERS, payment)[0] == ("send", "succeeded")
    # With a key the second worker sent again; without one it only looked.
    assert [kind for kind, _ in stack.rows(_ANSWERS, keyed)] == ["send", "send"]
    assert [kind for kind, _ in stack.rows(_ANSWERS, keyless)] == ["send", "ask"]
    books.settle(stack)
    books.check(stack, merchants)


def _both(stack, *payments):
    return all(_happened(stack, one) for one in payments)


def _all_heard(stack, payment):
    return all(outcome for _, outcome in stack.rows(_ANSWERS, payment))


def test_a_gateway_without_keys_is_sent_a_charge_once_even_by_a_frozen_worker(begin):
    stack = begin("web", "worker")
    merchants = Merchants(stack)
    payment = merchants.pay(gateway="hanging_keyless", payment_method=HANG_BEFORE)
    stack.start("dispatcher")
    stack.until("the call to begin", lambda: stack.rows(_ANSWERS, payment), 10)
    time.sleep(0.5)  # well inside the hang
    stack.freeze("worker")
    stack.start("worker-2")
    review = "SELECT needs_review FROM payments_payment WHERE id = %s"
    stack.until("a person to be asked for", lambda: stack.value(review, payment), 30)
    assert not _happened(stack, payment)

    stack.thaw_children("worker")

    books.settle(stack)
    assert len(_happened(stack, payment)) == 1
    assert stack.value(_STATUS, payment) == Status.SUCCESS
    assert stack.counted("pay_fence_rejections_total") == 1
    assert [kind for kind, _ in stack.rows(_ANSWERS, payment)].count("send") == 1
    books.check(stack, merchants)


def test_a_message_that_kills_its_workers_dies_alone(begin):
    stack = begin("web", "worker", RUN_LEASE_SECONDS="4.5", GATEWAY_TOTAL_SECONDS="1.5")
    merchants = Merchants(stack)
    neighbours = merchants.pay_all({"gateway": "poison"} for _ in range(5))
    poison = merchants.pay(gateway="poison", payment_method=POISON)
    stack.start("dispatcher")

    stack.until("the poison to be buried", lambda: _is_buried(stack, poison), 90)

    assert {stack.value(_STATUS, one) for one in neighbours} == {Status.SUCCESS}
    (dead,) = stack.rows("SELECT starts, alone, failures FROM outbox_message WHERE state = 9")
    assert dead == (5, True, 0)  # two in company, three alone
    review = "SELECT status, needs_review FROM payments_payment WHERE id = %s"
    assert stack.rows(review, poison) == [(Status.PROCESSING, True)]
    inquiry = "SELECT kind FROM outbox_message WHERE state <> 9 AND subject_id = %s"
    assert stack.rows(inquiry, stack.value(_OPERATION, poison)) == [("inquire",)]
    assert not _happened(stack, poison)
    assert stack.counted("pay_messages_dead_total") == 1


def _is_buried(stack, payment):
    sql = "SELECT state FROM outbox_message WHERE subject_id = %s AND kind = 'charge'"
    return stack.value(sql, stack.value(_OPERATION, payment)) == 9
