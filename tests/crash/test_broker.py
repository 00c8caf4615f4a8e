"""The broker may forget everything, or remember what is long over; it has no authority."""

import shutil

import pytest

from tests.crash import books
from tests.crash.merchants import Merchants

pytestmark = pytest.mark.usefixtures("django_db_setup")

_WAITING = "SELECT count(*) FROM outbox_message WHERE state = 1 AND started_at IS NULL"
QUEUE = "outbox"
MESSAGES = 120


def _filled(begin, **env):
    """Start everything but a worker, and fill the queue."""
    stack = begin("web", WORKER_SLOTS="4", **env)
    merchants = Merchants(stack)
    merchants.pay_all({} for _ in range(MESSAGES))
    stack.start("dispatcher")
    return stack, merchants


def _wait_for_queue(stack):
    with stack.redis() as redis:
        stack.until("a queue", lambda: redis.llen(QUEUE) >= 2, 10)
        stack.until("every message in it", lambda: stack.value(_WAITING) == MESSAGES, 10)


def _no_attempt_spent(stack):
    return stack.rows("SELECT DISTINCT failures, starts FROM outbox_message") == [(0, 1)]


def test_a_broker_killed_with_a_full_queue_and_back_empty_loses_nothing(begin):
    stack, merchants = _filled(begin, DISPATCH_LEASE_SECONDS="60")
    _wait_for_queue(stack)

    stack.kill("broker")

    shutil.rmtree(stack.broker.data)
    stack.broker.data.mkdir()
    stack.start("broker", "worker")
    # The lease would take a minute: it is the broker's new identity that was seen.
    books.settle(stack, 30)
    books.check(stack, merchants)
    assert stack.value("SELECT min(lost) FROM outbox_message") >= 1
    assert _no_attempt_spent(stack)


def test_a_flushed_broker_loses_nothing(begin):
    stack, merchants = _filled(begin, DISPATCH_LEASE_SECONDS="60")
    _wait_for_queue(stack)

    with stack.redis() as redis:
        redis.flushall()

    stack.start("worker")
    books.settle(stack, 30)
    books.check(stack, merchants)
    assert stack.value("SELECT min(lost) FROM outbox_message") >= 1
    assert _no_attempt_spent(stack)
    assert stack.counted("pay_messages_lost_in_transport_total") >= MESSAGES


def test_messages_that_a_restored_broker_remembers_are_dropped_as_stale(begin):
    stack, merchants = _filled(begin, DISPATCH_LEASE_SECONDS="20")
    _wait_for_queue(stack)
    with stack.redis() as redis:
        old = redis.dump(QUEUE)
        stack.start("worker")
        books.settle(stack)
        before = stack.counted("pay_stale_deliveries_total")

        redis.restore(QUEUE, 0, old)

    stack.until("all to be dropped", lambda: _stale(stack) == before + MESSAGES, 15)
    books.check(stack, merchants)
    assert stack.value("SELECT sum(starts) FROM outbox_message") == MESSAGES


def test_a_frozen_broker_costs_no_message_an_attempt(begin):
    stack = begin("web", "dispatcher", "worker")
    merchants = Merchants(stack)
    merchants.pay()
    books.settle(stack)
    stack.freeze("broker")

    merchants.pay_all({} for _ in range(30))
    failures = "pay_publish_failures_total"
    stack.until("the breaker to open", lambda: stack.counted(failures) > 0, 15)
    stack.until("all to be given back", lambda: stack.value(_WAITING) == 0, 10)
    stack.thaw("broker")

    books.settle(stack)
    books.check(stack, merchants)
    assert _no_attempt_spent(stack)
    assert stack.value("SELECT sum(lost) FROM outbox_message") == 0


def _stale(stack):
    return stack.counted("pay_stale_deliveries_total")
