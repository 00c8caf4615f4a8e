"""What operators do at the desk: only to what they saw, with a reason, and one thing at a time."""

import re
from contextlib import closing

import pytest
import redis

from core.audit import AuditEntry
from core.db import OPERATOR, acting_as, rows
from outbox.models import State
from outbox.waking import HINTS
from payments.models import Attempt
from tests.desk import Desk, page, text
from tests.money import a_shop, charge_of, drain, messages
from tests.payments.acting import a_dead_charge, act, audited, button, the_message
from tests.payments.promises import broken

pytestmark = pytest.mark.usefixtures("committed_db")


def test_a_dead_charge_is_replayed_and_carried_out_once(settings, broker_url):
    payment = a_dead_charge(settings)
    desk = Desk()

    answer = act(desk, the_message(payment), "Replay", reason="the provider is back")
    drain()

    payment.refresh_from_db()
    assert answer.status_code == 302
    assert "The message is due now." in text(desk.client.get(answer["Location"]))
    assert (payment.status, payment.needs_review) == ("SUCCESS", False)
    assert [a.outcome for a in Attempt.objects.order_by("id")] == ["not_sent", "succeeded"]
    assert audited() == [("noor", "message.replayed", "the provider is back")]
    assert not broken()


def test_the_inquiry_of_a_replayed_charge_has_nothing_left_to_do(settings):
    payment = a_dead_charge(settings)

    act(Desk(), the_message(payment), "Replay", reason="the provider is back")

    with acting_as(OPERATOR):
        (entry,) = AuditEntry.objects.all()
    inquiry = the_message(payment, "inquire")
    assert entry.after["ended"] == [str(inquiry.id)]
    assert (inquiry.state, inquiry.epoch) == (State.DONE, 1)
    assert the_message(payment).state == State.PENDING


def test_an_inquiry_in_flight_is_not_ended(settings):
    payment = a_dead_charge(settings)
    rows(
        "UPDATE outbox_message SET state = 1, epoch = 1, lease_until = now() + interval '1 hour',"
        " job = gen_random_uuid() WHERE kind = 'inquire'"
    )

    answer = act(Desk(), the_message(payment), "Replay", reason="the provider is back")

    assert answer.status_code == 409
    assert "which is in flight" in text(answer)
    assert messages(charge_of(payment).id, "state") == [(9,), (1,)]
    assert audited() == []


def test_a_replay_wakes_the_dispatcher(settings, broker_url):
    payment = a_dead_charge(settings)
    with closing(redis.Redis.from_url(broker_url)) as broker:
        broker.delete(HINTS)

        act(Desk(), the_message(payment), "Replay", reason="the provider is back")

        assert broker.lrange(HINTS, 0, -1) == [b"charge:mock_success"]


def test_a_stale_page_is_refused_and_says_what_changed(settings):
    payment = a_dead_charge(settings)
    desk = Desk()
    path, seen = button(desk, the_message(payment), "Replay")
    act(desk, the_message(payment), "Replay", reason="mine")

    answer = desk.post(path, **seen, reason="mine, too")

    assert answer.status_code == 409
    assert "You saw it dead at epoch 1; it is pending at epoch 2 now" in text(answer)
    assert "Look at it again" in text(answer)
    assert [reason for _, _, reason in audited()] == ["mine"]


def test_a_page_of_the_same_state_and_an_older_epoch_is_stale(settings):
    payment = a_shop().accepted()
    message, desk = the_message(payment), Desk()
    path, seen = button(desk, message, "Hold")
    rows("UPDATE outbox_message SET epoch = epoch + 1")

    answer = desk.post(path, **seen, reason="mine")

    assert answer.status_code == 409
    assert the_message(payment).state == State.PENDING


def test_a_reason_is_asked_for(settings):
    payment = a_dead_charge(settings)

    answer = act(Desk(), the_message(payment), "Replay", reason="  ")

    assert (answer.status_code, the_message(payment).state) == (200, State.DEAD)
    assert "Say why" in text(answer)
    assert audited() == []


def test_a_look_at_the_confirmation_changes_nothing(settings):
    payment = a_dead_charge(settings)
    desk = Desk()
    path, seen = button(desk, the_message(payment), "Replay")

    shown = text(desk.get(path, **seen, reason="by a link"))

    assert "Nothing is sent twice" in shown
    assert the_message(payment).state == State.DEAD
    assert audited() == []


def test_an_act_needs_the_token_of_a_form(settings):
    payment = a_dead_charge(settings)
    desk = Desk()
    path, seen = button(desk, the_message(payment), "Replay")

    answer = desk.client.post(f"/admin/{path}", {**seen, "reason": "forged"})

    assert (answer.status_code, the_message(payment).state) == (403, State.DEAD)


def test_a_waiting_message_is_held_and_released():
    payment = a_shop().accepted()
    desk = Desk()

    act(desk, the_message(payment), "Hold", reason="the merchant asked")
    drain()
    assert the_message(payment).state == State.HELD
    act(desk, the_message(payment), "Release", reason="the merchant asked again")
    drain()

    payment.refresh_from_db()
    assert payment.status == "SUCCESS"
    assert [action for _, action, _ in audited()] == ["message.held", "message.released"]


def test_the_page_of_a_message_shows_what_was_done_to_it(settings):
    payment = a_shop().accepted()
    desk = Desk()

    act(desk, the_message(payment), "Hold", reason="because <b>I</b> can")

    shown = desk.read(page("outbox.message", the_message(payment).id))
    assert re.search(r"noor message\.held message because <b>I</b> can", shown)
    assert "because &lt;b&gt;I&lt;/b&gt; can" in (
        desk.get(page("payments.payment", payment.id)).content.decode()
    )


OFFERED = {
    State.PENDING: {"Replay", "Hold"},
    State.IN_FLIGHT: set(),
    State.HELD: {"Replay", "Release"},
    State.DONE: set(),
    State.DEAD: {"Replay"},
}


@pytest.mark.parametrize(("state", "labels"), OFFERED.items())
def test_a_page_offers_what_can_be_done_in_its_state(state, labels):
    message = the_message(a_shop().accepted())
    rows(
        "UPDATE outbox_message SET state = %s, finished_at = CASE WHEN %s > 7 THEN now() END,"
        " epoch = 1, lease_until = now(), job = id",
        [state, state],
    )
    desk = Desk()

    assert {label for label in ("Replay", "Hold", "Release") if button(desk, message, label)} == (
        labels
    )


def test_each_act_needs_its_own_permission(settings):
    payment = a_shop().accepted()
    message = the_message(payment)
    desk = Desk("outbox.view_message", "outbox.hold_message")

    assert button(desk, message, "Replay") is None
    refused = desk.post(f"outbox/message/{message.id}/act/replay/", state=0, epoch=0, reason="x")
    assert refused.status_code == 403
    assert act(desk, message, "Hold", reason="may").status_code == 302


@pytest.mark.parametrize("seen", [{}, {"state": "dead", "epoch": "1"}, {"state": "9"}])
def test_an_act_without_what_was_seen_is_no_page(seen):
    message = the_message(a_shop().accepted())

    answer = Desk().post(f"outbox/message/{message.id}/act/replay/", **seen, reason="x")

    assert answer.status_code == 404


def test_an_act_on_a_message_that_is_gone_is_no_page():
    path = "outbox/message/01a21177-d69a-76c8-958b-24eeacbc82cf/act/replay/"

    assert Desk().post(path, state=9, epoch=1, reason="x").status_code == 404
