"""What operators do at the desk: only to what they saw, with a reason, and one thing at a time."""

import re
from contextlib import closing
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
import redis

from core.audit import AuditEntry
from core.db import OPERATOR, acting_as, rows
from gateways.base import Outcome, OutcomeKind, succeeded
from outbox.models import Message, State
from outbox.waking import HINTS
from payments.models import Attempt
from tests.desk import Desk, page, text
from tests.money import a_shop, charge_of, drain, messages, reciting, run_due, told
from tests.payments.promises import broken

pytestmark = pytest.mark.usefixtures("committed_db")

REFUSING = Outcome(kind=OutcomeKind.NOT_SENT, code="unreachable", message="no route to host")


def the_message(payment, kind="charge"):
    return Message.objects.get(subject_id=charge_of(payment).id, kind=kind)


def a_dead_charge(settings):
    """Return a payment whose provider could not be reached as often as it was tried."""
    provider = reciting(settings, REFUSING)
    payment = a_shop().accepted()
    rows("UPDATE outbox_message SET max_attempts = 1")
    run_due()
    assert messages(charge_of(payment).id, "kind", "state") == [("charge", 9), ("inquire", 0)]
    provider.answers = [succeeded("ch_1", payment.amount, payment.currency)]
    provider.requests.clear()
    return payment


def button(desk, row, label):
    """Return where a button on a page leads, and what the page says the row is like."""
    found = desk.get(page(row._meta.label_lower, row.pk)).content.decode()
    match = re.search(rf'<a class="button" href="([^"]+)">{label}</a>', found)
    if match is None:
        return None
    parts = urlsplit(unescape(match[1]))
    return parts.path.removeprefix("/admin/"), dict(parse_qsl(parts.query))


def act(desk, row, label, **form):
    path, seen = button(desk, row, label)
    return desk.post(path, **seen, **form)


def audited():
    with acting_as(OPERATOR):
        return list(AuditEntry.objects.order_by("id").values_list("actor", "action", "reason"))


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


def a_charge_in_doubt(settings):
    """Return a payment whose provider did not answer, and will say that the money moved."""
    reciting(settings, Outcome(kind=OutcomeKind.UNKNOWN, code="time_out"))
    payment = a_shop().accepted()
    run_due()
    reciting(settings, succeeded("ch_1", payment.amount, payment.currency))
    return payment


def test_a_charge_that_may_have_moved_money_is_asked_about_and_not_replayed(settings):
    payment = a_charge_in_doubt(settings)
    rows("UPDATE outbox_message SET available_at = now() + interval '1 hour'")
    desk = Desk()
    assert button(desk, the_message(payment), "Replay") is None

    answer = act(desk, the_message(payment), "Inquire", reason="it is late")
    drain()

    payment.refresh_from_db()
    assert answer.status_code == 302
    assert payment.status == "SUCCESS"
    assert audited() == [("noor", "message.inquired", "it is late")]
    assert not broken()


def test_a_dead_charge_in_doubt_gets_an_inquiry(settings):
    payment = a_charge_in_doubt(settings)
    rows("UPDATE outbox_message SET state = 9, finished_at = now()")
    desk = Desk()
    assert button(desk, the_message(payment), "Replay") is None

    act(desk, the_message(payment), "Inquire", reason="it is dead")
    drain()

    payment.refresh_from_db()
    assert payment.status == "SUCCESS"
    assert messages(charge_of(payment).id, "kind", "state") == [("charge", 9), ("inquire", 8)]


def test_a_charge_that_was_never_sent_offers_nothing_to_ask(settings):
    payment = a_dead_charge(settings)
    desk = Desk()

    assert button(desk, the_message(payment), "Inquire") is None
    answer = desk.post(
        f"outbox/message/{the_message(payment).id}/act/inquire/", state=9, epoch=1, reason="why not"
    )
    assert answer.status_code == 409
    assert "was never sent, so there is nothing to ask" in text(answer)


def test_a_review_is_ended_by_whoever_saw_why(settings):
    reciting(settings, succeeded("ch_1", 999, "INR"))
    payment = a_shop().accepted(1_000)
    run_due()
    payment.refresh_from_db()
    desk = Desk()

    answer = act(desk, payment, "End review", reason="paid back by hand")

    payment.refresh_from_db()
    assert (answer.status_code, payment.needs_review) == (302, False)
    assert button(desk, payment, "End review") is None
    assert audited() == [("noor", "payment.review_ended", "paid back by hand")]
    shown = desk.read(page("payments.payment", payment.id))
    assert "noor payment.review_ended payment paid back by hand" in shown


def test_a_review_is_not_ended_by_who_did_not_see_the_newest_fact(settings):
    reciting(settings, succeeded("ch_1", 999, "INR"))
    payment = a_shop().accepted(1_000)
    run_due()
    payment.refresh_from_db()
    desk = Desk()
    path, seen = button(desk, payment, "End review")
    told(payment, "charge.succeeded", provider_id="ch_2", amount=998)
    drain()

    answer = desk.post(path, **seen, reason="paid back by hand")

    payment.refresh_from_db()
    assert (answer.status_code, payment.needs_review) == (409, True)
    assert "There is something new" in text(answer)


def test_ending_a_review_needs_its_permission(settings):
    reciting(settings, succeeded("ch_1", 999, "INR"))
    payment = a_shop().accepted(1_000)
    run_due()
    desk = Desk("payments.view_payment")

    assert button(desk, payment, "End review") is None
    path = f"payments/payment/{payment.id}/act/end-review/"
    assert desk.post(path, version=1, reason="x").status_code == 403


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
