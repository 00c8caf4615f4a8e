"""A dispatcher may die or freeze between claim and publish, and stops fast when asked."""

import pytest

from tests.crash import books
from tests.crash.gateways import HANG_AFTER
from tests.crash.merchants import Merchants

pytestmark = pytest.mark.usefixtures("django_db_setup")

_CLAIMED = "SELECT count(*) FROM outbox_message WHERE state = 1 AND started_at IS NULL"


def test_a_dispatcher_killed_between_claim_and_publish_loses_nothing(begin):
    stack = begin("web", "dispatcher", "worker")
    merchants = Merchants(stack)
    # The dispatcher has published nothing yet: it hangs in opening its connection for that.
    stack.freeze("broker")
    merchants.pay_all({} for _ in range(20))
    stack.until("a claim", lambda: stack.value(_CLAIMED) > 0, 15)

    stack.kill("dispatcher")

    assert stack.value(_CLAIMED) > 0
    stack.thaw("broker")
    stack.start("dispatcher")
    books.settle(stack)
    books.check(stack, merchants)
    assert stack.value("SELECT sum(lost) FROM outbox_message") > 0
    assert stack.value("SELECT sum(failures) FROM outbox_message") == 0


def test_a_dispatcher_frozen_between_claim_and_publish_hands_over_nothing_but_stale_jobs(
    begin, tmp_path
):
    # The hits are counted together, so the second dispatcher does not freeze.
    once = {"KILL_POINT": "dispatcher.after_claim:1:stop", "KILL_POINT_HITS": tmp_path / "hits"}
    stack = begin("web", "dispatcher", "worker", **{name: str(one) for name, one in once.items()})
    merchants = Merchants(stack)
    merchants.pay_all({} for _ in range(20))
    stack.until("a claim", lambda: stack.value(_CLAIMED) > 0, 15)
    stack.start("dispatcher-2")
    books.settle(stack)
    before = stack.counted("pay_stale_deliveries_total")

    stack.thaw("dispatcher")

    stack.until("stale jobs", lambda: stack.counted("pay_stale_deliveries_total") > before, 15)
    books.settle(stack)
    books.check(stack, merchants)
    assert stack.value("SELECT sum(lost) FROM outbox_message") > 0
    assert stack.value("SELECT max(starts) FROM outbox_message") == 1


def test_a_dispatcher_and_a_worker_stop_when_asked_and_leave_nothing_half_done(begin):
    stack = begin("web", "dispatcher", "worker")
    merchants = Merchants(stack)
    with merchants.paying({"gateway": "mock"} for _ in range(100)):
        stack.until("some claims", lambda: stack.rows(_STARTED), 10)

        seconds = stack.stop("dispatcher")

    assert seconds <= 5
    hanging = merchants.pay(gateway="hanging", payment_method=HANG_AFTER)
    stack.start("dispatcher")
    operation = "SELECT id::text FROM payments_operation WHERE payment_id = %s"
    name = stack.value(operation, hanging)
    stack.until(
        "a call to be under way",
        lambda: any(effect[1] == name for effect in books.effects(stack)),
        20,
    )
    stack.stop("worker")

    ended = "SELECT state, starts FROM outbox_message WHERE subject_id = %s"
    assert stack.rows(ended, name) == [(8, 1)]
    stack.start("worker")
    books.settle(stack)
    books.check(stack, merchants)
    assert stack.counted("pay_messages_lapsed_total") == 0


_STARTED = "SELECT id FROM outbox_message WHERE state = 8 LIMIT 1"
