"""A replay acts on what the operator saw, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from core.db import rows, transaction
from core.metrics import FENCE_REJECTIONS
from outbox import delivery
from outbox.models import Message
from outbox.operating import ReplayRefused, replay
from payments.facts import Said
from tests.money import (
    a_shop,
    begin,
    charge_of,
    counted,
    drain,
    elsewhere,
    finish,
    reciting,
    took,
    waiting_for_lock,
)


def the_message(payment) -> Message:
    return Message.objects.get(subject_id=charge_of(payment).id)


def swept(settings):
    """Return a payment whose charge was begun, and lost its lease before it was answered."""
    reciting(settings)
    payment = a_shop().accepted()
    message, question = begin(payment)
    rows("UPDATE outbox_message SET state = 0, lease_until = NULL, job = NULL WHERE state = 1")
    return payment, message, question


@pytest.mark.django_db
class TestAReplay:
    def test_makes_a_dead_message_due_with_attempts_to_spend(self):
        payment = a_shop().accepted()
        rows("UPDATE outbox_message SET state = 9, finished_at = now(), failures = 25")

        replay(the_message(payment).id, epoch=0, reason="the provider is back")
        drain()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"

    @pytest.mark.parametrize("state", ["in flight", "done"])
    def test_is_refused_for_a_message_that_is(self, settings, state):
        reciting(settings)
        payment = a_shop().accepted()
        message, question = begin(payment)
        if state == "done":
            finish(message, Said.SUCCEEDED, question, **took(payment))

        with pytest.raises(ReplayRefused, match="look at it again"):
            replay(message.id, epoch=message.epoch, reason="again")

    def test_is_refused_at_another_epoch(self):
        payment = a_shop().accepted()

        with pytest.raises(ReplayRefused, match="epoch 7"):
            replay(the_message(payment).id, epoch=7, reason="a stale page")

    def test_is_refused_while_another_message_goes_on(self):
        payment = a_shop().accepted()
        dead = the_message(payment)
        rows("UPDATE outbox_message SET state = 9, finished_at = now()")
        Message.objects.create(kind="inquire", lane="inquire:mock", subject_id=dead.subject_id)

        with pytest.raises(ReplayRefused, match="another message"):
            replay(dead.id, epoch=0, reason="again")

    def test_by_command_shows_the_epoch_first_and_wants_a_reason(self):
        message = the_message(a_shop().accepted())
        out = StringIO()

        call_command("replay_message", str(message.id), stdout=out)

        assert "epoch        0" in out.getvalue()
        with pytest.raises(CommandError, match="--reason"):
            call_command("replay_message", str(message.id), epoch=0)


class TestAReplayBesideASettle:
    def test_that_comes_first_fences_the_settle_and_its_answer_is_kept(
        self, settings, committed_db
    ):
        payment, message, question = swept(settings)
        before = counted(FENCE_REJECTIONS)

        replay(message.id, epoch=message.epoch, reason="it hangs")
        finish(message, Said.SUCCEEDED, question, **took(payment))

        payment.refresh_from_db()
        assert counted(FENCE_REJECTIONS) == before + 1
        assert payment.status == "SUCCESS"

    def test_that_comes_second_waits_for_it_and_is_refused(self, settings, committed_db):
        _, message, _ = swept(settings)

        with ThreadPoolExecutor(1) as pool:
            with transaction():
                delivery.lock_ours([message.ticket])
                second = pool.submit(
                    elsewhere, replay, message.id, epoch=message.epoch, reason="it hangs"
                )
                waiting_for_lock(committed_db)
                rows("UPDATE outbox_message SET state = 8, finished_at = now()")

            with pytest.raises(ReplayRefused):
                second.result(timeout=20)
