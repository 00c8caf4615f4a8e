"""What happened to a payment is told in the order in which one led to another."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from payments.timeline import ROWS_MAX, Entry, Timeline, in_causal_order, masked

pytestmark = pytest.mark.usefixtures("committed_db")

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _entry(seconds, kind, **more):
    made = {"id": uuid4(), "object": ("payment", UUID(int=0)), "facts": {}, **more}
    return Entry(kind=kind, at=NOON + timedelta(seconds=seconds), **made)


class TestCausalOrder:
    def test_is_that_of_time_for_what_stands_alone(self):
        late, early = _entry(2, "attempt"), _entry(1, "answer")

        assert in_causal_order([late, early]) == [early, late]

    def test_keeps_a_transaction_together_as_old_as_its_oldest_row(self):
        event, step = _entry(3, "event", xid=7), _entry(1, "state_change", xid=7)
        between = _entry(2, "attempt")

        assert in_causal_order([between, event, step]) == [step, event, between]

    def test_puts_nothing_before_its_cause_though_its_clock_says_so(self):
        attempt = _entry(5, "attempt")
        step = _entry(4, "state_change", xid=7, cause=attempt.id)
        event = _entry(4, "event", xid=7)

        assert in_causal_order([step, event, attempt]) == [attempt, step, event]

    def test_follows_causes_of_causes(self):
        message = _entry(9, "message")
        attempt = _entry(5, "attempt", cause=message.id)
        step = _entry(4, "state_change", xid=7, cause=attempt.id)

        assert in_causal_order([step, attempt, message]) == [message, attempt, step]

    def test_puts_an_answer_behind_its_attempt_with_the_same_id(self):
        made = uuid4()
        attempt, answer = _entry(1, "attempt", id=made), _entry(1, "answer", id=made, cause=made)

        assert in_causal_order([answer, attempt]) == [attempt, answer]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", None), ("ab", "…"), ("abcdef", "…ef"), ("ch_0123456789", "…6789")],
)
def test_what_is_masked_shows_its_end(text, shown):
    assert masked(text) == shown


def test_a_timeline_says_when_it_does_not_tell_all():
    timeline = Timeline()

    timeline.add(_entry(n, "event") for n in range(ROWS_MAX))
    whole = timeline.is_cut
    timeline.add(_entry(n, "message") for n in range(ROWS_MAX + 1))

    assert (whole, timeline.is_cut) == (False, True)
    assert len(timeline.entries) == 2 * ROWS_MAX
