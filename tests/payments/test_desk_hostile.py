"""What a form should never hold: states there are none of, NULs, secrets, and nothing at all."""

import pytest

from core.audit import REASON_LENGTH_MAX, AuditEntry
from core.db import OPERATOR, acting_as, rows
from outbox.models import Message, State
from tests.desk import Desk, text
from tests.outbox.planting import plant

pytestmark = pytest.mark.usefixtures("committed_db")

CARD = "4111111111111111"


@pytest.fixture
def dead():
    (message,) = plant(1)
    rows("UPDATE outbox_message SET state = 9, finished_at = now() WHERE id = %s", [message])
    return Message.objects.get(id=message)


def press(desk, message, act, **form):
    seen = {"state": message.state, "epoch": message.epoch, "reason": "it is time"}
    return desk.post(f"outbox/message/{message.id}/act/{act}/", **{**seen, **form})


def reasons():
    with acting_as(OPERATOR):
        return list(AuditEntry.objects.values_list("reason", flat=True))


@pytest.mark.parametrize("act", ["replay", "hold", "release", "inquire"])
@pytest.mark.parametrize("seen", [{"state": "-1"}, {"state": "999"}, {"epoch": "9" * 40}])
def test_a_sight_that_never_was_is_refused(dead, act, seen):
    answer = press(Desk(), dead, act, **seen)

    assert answer.status_code == 409
    assert "Refused, and nothing was done." in text(answer)
    assert Message.objects.get().state == State.DEAD


def test_a_sight_that_never_was_is_refused_among_many(dead):
    shown = Desk().post("outbox/message/replay/", message=f"{dead.id}:999:1", reason="it is time")

    assert "0 messages are due now" in text(shown)
    assert "is ever in state 999" in text(shown)
    assert Message.objects.get().state == State.DEAD


def test_a_reason_may_hold_what_cannot_be_stored(dead):
    answer = press(Desk(), dead, "replay", reason="a\x00b")

    assert answer.status_code == 302
    assert reasons() == ["a\N{REPLACEMENT CHARACTER}b"]


def test_a_card_number_at_the_end_of_a_long_reason_leaves_nothing_of_itself(dead):
    before = "y " * ((REASON_LENGTH_MAX - 8) // 2)

    press(Desk(), dead, "replay", reason=f"{before}{CARD} was seen")

    (kept,) = reasons()
    assert len(kept) <= REASON_LENGTH_MAX
    assert kept.startswith(before)
    assert CARD[:6] not in kept


@pytest.mark.parametrize("reason", ["\N{ZERO WIDTH SPACE}", "\x00", " . ", "–"])
def test_a_reason_says_something(dead, reason):
    desk = Desk()

    alone = press(desk, dead, "replay", reason=reason)
    together = desk.post("outbox/message/replay/", message=f"{dead.id}:9:0", reason=reason)

    assert "Say why" in text(alone)
    assert "Say why" in text(together)
    assert Message.objects.get().state == State.DEAD
    assert reasons() == []
