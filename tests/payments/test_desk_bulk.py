"""Many messages are replayed together: shown first, each for itself, and not too many."""

import re

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from core.audit import AuditEntry
from core.db import OPERATOR, acting_as, rows
from outbox.models import Message, State
from payments.desk.bulk import TOGETHER_MAX
from tests.desk import Desk, text
from tests.money import a_shop
from tests.outbox.planting import plant

pytestmark = pytest.mark.usefixtures("committed_db")

LIST = "outbox/message/?view=dead"


def dead(count):
    ids = plant(count)
    rows("UPDATE outbox_message SET state = 9, finished_at = now() WHERE id = ANY(%s)", [ids])
    return ids


def tick(desk, ids):
    """Tick messages on the list, and choose to replay them."""
    return desk.post(LIST, action="replay_ticked", _selected_action=[str(one) for one in ids])


def confirm(desk, shown, **form):
    """Send what a confirmation page holds."""
    hidden = re.findall(r'name="message" value="([^"]+)"', shown.content.decode())
    return desk.post("outbox/message/replay/", message=hidden, **form)


def states():
    return [state for (state,) in rows("SELECT state FROM outbox_message ORDER BY id")]


def test_the_list_offers_it_to_who_may():
    dead(1)

    assert "Replay the ticked messages" in Desk().read("outbox/message/")
    desk = Desk("outbox.view_message", name="kim")
    assert "Replay the ticked messages" not in desk.read("outbox/message/")


def test_who_may_not_see_messages_sees_none_by_replaying_them():
    (message,) = dead(1)
    desk = Desk("outbox.replay_message", name="kim")

    answer = desk.post("outbox/message/replay/", message=f"{message}:9:0", reason=" ")

    assert answer.status_code == 403
    assert states() == [9]


def test_what_would_happen_is_shown_first():
    ids = [*dead(3), *plant(1)]
    rows("UPDATE outbox_message SET state = 8, finished_at = now() WHERE id = %s", [ids[3]])

    shown = text(tick(Desk(), ids))

    assert "Would be made due now: 3" in shown
    assert "Would be left as they are: 1" in shown
    assert states() == [9, 9, 9, 8]


def test_all_that_were_ticked_are_due_and_told_one_by_one():
    ids, desk = dead(3), Desk()

    answer = confirm(desk, tick(desk, ids), reason="the provider is back")

    assert "3 messages are due now" in text(answer)
    assert states() == [0, 0, 0]
    with acting_as(OPERATOR):
        told = set(AuditEntry.objects.values_list("actor", "action", "subject_id", "reason"))
    assert told == {("noor", "message.replayed", str(one), "the provider is back") for one in ids}


def test_one_that_changed_meanwhile_is_refused_and_the_others_are_not():
    ids, desk = dead(3), Desk()
    shown = tick(desk, ids)
    rows(
        "UPDATE outbox_message SET state = 0, epoch = 7, finished_at = NULL WHERE id = %s", ids[:1]
    )

    answer = text(confirm(desk, shown, reason="the provider is back"))

    assert "2 messages are due now" in answer
    assert f"{ids[0]} you saw it dead at epoch 0; it is pending at epoch 7 now" in answer
    with acting_as(OPERATOR):
        assert AuditEntry.objects.count() == 2


def test_a_reason_is_asked_for_and_nothing_ticked_is_lost():
    ids, desk = dead(2), Desk()

    answer = confirm(desk, tick(desk, ids), reason=" ")

    assert "Say why" in text(answer)
    assert states() == [9, 9]
    assert "2 messages are due now" in text(confirm(desk, answer, reason="now then"))


def test_too_many_are_refused():
    ids, desk = dead(TOGETHER_MAX + 1), Desk()

    answer = tick(desk, ids)
    assert answer.status_code == 302
    assert f"At most {TOGETHER_MAX}" in desk.read("outbox/message/")

    named = [f"{one}:9:0" for one in ids]
    answer = desk.post("outbox/message/replay/", message=named, reason="all of them")
    assert (answer.status_code, set(states())) == (400, {State.DEAD})


def test_everything_that_a_filter_leaves_cannot_be_ticked_at_once():
    ids, desk = dead(3), Desk()

    answer = desk.post(
        LIST, action="replay_ticked", _selected_action=[str(ids[0])], select_across="1"
    )

    assert "Would be made due now: 1" in text(answer)


@pytest.mark.parametrize("named", ["", "x", "x:9:0", "01a21177-d69a-76c8-958b-24eeacbc82cf:9"])
def test_what_no_page_of_ours_holds_is_refused(named):
    desk = Desk()

    assert desk.post("outbox/message/replay/", message=[named], reason="x").status_code == 400
    assert desk.post(LIST, action="replay_ticked", _selected_action=[named]).status_code == 302


def test_it_needs_the_permission():
    ids = dead(1)
    desk = Desk("outbox.view_message")

    answer = desk.post("outbox/message/replay/", message=[f"{ids[0]}:9:0"], reason="x")

    assert (answer.status_code, states()) == (403, [9])


def test_a_dry_run_of_thirty_costs_as_many_queries_as_of_one():
    shop, desk = a_shop(), Desk()
    ids = [str(Message.objects.get(subject_id=shop.accepted().operations.get().id).id)
           for _ in range(31)]  # fmt: skip
    rows("UPDATE outbox_message SET state = 9, finished_at = now()")
    with CaptureQueriesContext(connections[OPERATOR]) as few:
        tick(desk, ids[:1])

    with CaptureQueriesContext(connections[OPERATOR]) as many:
        tick(desk, ids[1:])

    assert len(many) == len(few)
