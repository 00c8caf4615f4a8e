"""Replays meet each other, and the worker whose message it is."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from core.audit import ActRefused, AuditEntry
from core.db import OPERATOR, acting_as, rows, transaction
from core.metrics import FENCE_REJECTIONS
from outbox import delivery
from outbox.models import State
from outbox.operating import replay
from payments.facts import Said
from tests.money import a_shop, counted, elsewhere, finish, took, waiting_for_lock
from tests.outbox.test_operating import BY, dead, swept


def replayed_by_an_operator(message, state: State = State.PENDING) -> str:
    try:
        with acting_as(OPERATOR):
            return replay(message.id, epoch=message.epoch, state=state, **BY)
    finally:
        connections[OPERATOR].close()


class TestAReplayBesideASettle:
    def test_that_comes_first_fences_the_settle_and_its_answer_is_kept(
        self, settings, committed_db
    ):
        payment, message, question = swept(settings)
        before = counted(FENCE_REJECTIONS)

        with acting_as(OPERATOR):
            replay(message.id, epoch=message.epoch, state=State.PENDING, **BY)
        finish(message, Said.SUCCEEDED, question, **took(payment))

        payment.refresh_from_db()
        assert counted(FENCE_REJECTIONS) == before + 1
        assert payment.status == "SUCCESS"

    def test_that_comes_second_waits_for_it_and_is_refused(self, settings, committed_db):
        _, message, _ = swept(settings)

        with ThreadPoolExecutor(1) as pool:
            with transaction():
                delivery.lock_ours([message.ticket])
                second = pool.submit(elsewhere, replayed_by_an_operator, message)
                waiting_for_lock(committed_db)
                rows("UPDATE outbox_message SET state = 8, finished_at = now()")

            with pytest.raises(ActRefused, match="it is done at epoch"):
                second.result(timeout=20)


def test_of_many_replays_at_once_one_has_an_effect_and_an_audit_entry(settings, committed_db):
    message, ready = dead(a_shop().accepted()), Barrier(8)

    def press() -> bool:
        ready.wait(10)
        try:
            replayed_by_an_operator(message, State.DEAD)
        except ActRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        pressed = [pool.submit(elsewhere, press) for _ in range(8)]
        done = [one.result(30) for one in pressed]

    assert sorted(done) == [False] * 7 + [True]
    with acting_as(OPERATOR):
        assert AuditEntry.objects.count() == 1
    message.refresh_from_db()
    assert message.state == State.PENDING
