"""An operator acts on the message that they saw, or not at all."""

import getpass
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from core.audit import ActRefused, AuditEntry
from core.db import OPERATOR, acting_as, rows
from core.metrics import FENCE_REJECTIONS
from outbox.models import Message, State
from outbox.operating import hold, release, replay
from payments.fact_invariants import FOLLOWED_UP
from payments.facts import Said
from tests.conftest import as_owner
from tests.money import (
    a_shop,
    begin,
    charge_of,
    counted,
    drain,
    finish,
    reciting,
    took,
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


BY = {"actor": "ada", "reason": "the provider is back"}


def dead(payment) -> Message:
    rows("UPDATE outbox_message SET state = 9, finished_at = now(), failures = 25")
    return the_message(payment)


@pytest.mark.usefixtures("committed_db")
class TestAReplay:
    def test_makes_a_dead_message_due_with_attempts_to_spend(self):
        payment = a_shop().accepted()
        message = dead(payment)

        with acting_as(OPERATOR):
            lane = replay(message.id, epoch=0, state=State.DEAD, **BY)
        drain()

        payment.refresh_from_db()
        assert lane == message.lane
        assert payment.status == "SUCCESS"

    def test_is_told_with_what_it_changed(self):
        message = dead(a_shop().accepted())

        with acting_as(OPERATOR):
            replay(message.id, epoch=0, state=State.DEAD, **BY)
            entry = AuditEntry.objects.get()

        assert (entry.actor, entry.action, entry.reason) == (
            "ada",
            "message.replayed",
            "the provider is back",
        )
        assert (entry.subject_type, entry.subject_id) == ("message", str(message.id))
        seen = [(told["state"], told["epoch"], told["failures"], told["max_attempts"])
                for told in (entry.before, entry.after)]  # fmt: skip
        assert seen == [("dead", 0, 25, 25), ("pending", 1, 25, 30)]
        assert entry.before["available_at"] < entry.after["available_at"]

    def test_that_cannot_be_told_is_not_done(self):
        message = dead(a_shop().accepted())

        with acting_as(OPERATOR), pytest.raises(ValueError, match="a reason"):
            replay(message.id, epoch=0, state=State.DEAD, actor="ada", reason=" ")

        assert the_state(message) == (State.DEAD, 0)

    @pytest.mark.parametrize(
        ("state", "why"),
        [(State.IN_FLIGHT, "its lease ends by itself"), (State.DONE, "is a new operation")],
    )
    def test_is_refused_for_a_message_that_is(self, settings, state, why):
        reciting(settings)
        payment = a_shop().accepted()
        message, question = begin(payment)
        if state == State.DONE:
            finish(message, Said.SUCCEEDED, question, **took(payment))

        with acting_as(OPERATOR), pytest.raises(ActRefused, match=why):
            replay(message.id, epoch=message.epoch, state=state, **BY)

        assert the_state(message) == (state, message.epoch)

    def test_of_what_a_worker_took_meanwhile_says_so(self, settings):
        reciting(settings)
        payment = a_shop().accepted()
        message, _ = begin(payment, worker="host:7")

        with acting_as(OPERATOR), pytest.raises(ActRefused) as refused:
            replay(message.id, epoch=0, state=State.PENDING, **BY)

        assert str(refused.value) == (
            "you saw it pending at epoch 0; it is in flight at epoch 1 now, started by worker"
            " host:7"
        )

    def test_of_what_died_at_the_epoch_that_was_seen_says_so(self):
        message = dead(a_shop().accepted())

        with acting_as(OPERATOR), pytest.raises(ActRefused, match="it is dead at epoch 0 now"):
            replay(message.id, epoch=0, state=State.PENDING, **BY)

    def test_of_what_is_gone_says_so(self):
        with acting_as(OPERATOR), pytest.raises(ActRefused, match="it is gone"):
            replay(uuid4(), epoch=0, state=State.PENDING, **BY)

    def test_is_refused_while_another_message_goes_on_and_says_which(self):
        message = dead(a_shop().accepted())
        other = Message.objects.create(
            kind="recheck", lane="recheck:mock", subject_id=message.subject_id
        )

        with acting_as(OPERATOR), pytest.raises(ActRefused) as refused:
            replay(message.id, epoch=0, state=State.DEAD, **BY)

        assert f"the recheck message {other.id}, which is pending" in str(refused.value)
        assert the_state(message) == (State.DEAD, 0)
        with acting_as(OPERATOR):
            assert not AuditEntry.objects.exists()


def the_state(message) -> tuple[int, int]:
    found = Message.objects.get(id=message.id)
    return found.state, found.epoch


@pytest.mark.usefixtures("committed_db")
class TestHolding:
    def test_keeps_a_message_from_running_until_it_is_released(self):
        payment = a_shop().accepted()
        message = the_message(payment)

        with acting_as(OPERATOR):
            hold(message.id, epoch=0, state=State.PENDING, **BY)
        drain()
        payment.refresh_from_db()
        assert (payment.status, the_state(message)) == ("CREATED", (State.HELD, 1))

        with acting_as(OPERATOR):
            release(message.id, epoch=1, state=State.HELD, **BY)
            told = [entry.action for entry in AuditEntry.objects.order_by("id")]
        drain()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert told == ["message.held", "message.released"]

    def test_leaves_nothing_unsettled_that_somebody_forgot(self):
        message = the_message(a_shop().accepted())
        (at_rest,) = (
            one for one in FOLLOWED_UP if one.name == "payments-at-rest-operations-settled"
        )
        before = rows(at_rest.sql)

        with acting_as(OPERATOR):
            hold(message.id, epoch=0, state=State.PENDING, **BY)

        assert (len(before), rows(at_rest.sql)) == (1, [])

    def test_fences_a_worker_that_lost_its_lease(self, settings):
        payment, message, question = swept(settings)
        before = counted(FENCE_REJECTIONS)

        with acting_as(OPERATOR):
            hold(message.id, epoch=message.epoch, state=State.PENDING, **BY)
        finish(message, Said.SUCCEEDED, question, **took(payment))

        payment.refresh_from_db()
        assert counted(FENCE_REJECTIONS) == before + 1
        assert (payment.status, the_state(message)) == ("SUCCESS", (State.HELD, 2))

    def test_makes_one_that_must_run_alone_wait_no_shorter(self):
        message = the_message(a_shop().accepted())
        later = "UPDATE outbox_message SET state = 3, alone = true, available_at = now() + '1 hour'"
        rows(later)

        with acting_as(OPERATOR):
            release(message.id, epoch=0, state=State.HELD, **BY)

        assert rows("SELECT alone, available_at > now() FROM outbox_message") == [(True, True)]

    @pytest.mark.parametrize("state", [State.IN_FLIGHT, State.HELD, State.DONE, State.DEAD])
    def test_takes_a_waiting_message_only(self, as_operator, state):
        with pytest.raises(ActRefused, match="cannot be held"):
            hold(uuid4(), epoch=0, state=state, **BY)

    @pytest.mark.parametrize("state", [State.PENDING, State.IN_FLIGHT, State.DONE, State.DEAD])
    def test_ends_for_a_held_message_only(self, as_operator, state):
        with pytest.raises(ActRefused, match="cannot be released"):
            release(uuid4(), epoch=0, state=state, **BY)


@pytest.mark.usefixtures("committed_db")
class TestByCommand:
    def run(self, name: str, *args: Any, **options: Any) -> str:
        out = StringIO()
        with as_owner():
            call_command(name, *map(str, args), stdout=out, **options)
        return out.getvalue()

    @pytest.mark.parametrize("command", ["replay_message", "hold_message", "release_message"])
    def test_the_epoch_is_shown_first_and_a_reason_wanted(self, command):
        message = the_message(a_shop().accepted())

        assert "epoch        0" in self.run(command, message.id)
        with pytest.raises(CommandError, match="--reason"):
            self.run(command, message.id, epoch=0)
        assert the_state(message) == (State.PENDING, 0)

    def test_it_is_held_released_and_replayed(self):
        message = the_message(a_shop().accepted())

        said = [
            self.run(command, message.id, epoch=epoch, reason="a drill")
            for epoch, command in enumerate(["hold_message", "release_message", "replay_message"])
        ]

        assert said[0] == f"Held in lane {message.lane}, at epoch 1.\n"
        assert said[1:] == [f"Due now in lane {message.lane}, at epoch {n}.\n" for n in (2, 3)]
        with acting_as(OPERATOR):
            actors = {entry.actor for entry in AuditEntry.objects.all()}
        assert actors == {f"command line ({getpass.getuser()})"}

    def test_another_epoch_is_refused(self):
        message = the_message(a_shop().accepted())

        with pytest.raises(CommandError, match="epoch 7"):
            self.run("replay_message", message.id, epoch=7, reason="a stale page")
