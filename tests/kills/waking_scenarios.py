"""Stories of a worker that froze, and of what the others did before it woke up."""

import time

from tests.kills.registry import WAKE, scenario
from tests.kills.teller import SUCCESS, Teller

_ANSWERED = tuple(
    f"worker.{at}"
    for at in (
        *("after_send", "after_answer", "before_settle", "after_fence", "after_answer_stored"),
        *("after_outcome", "settle_uncommitted"),
    )
)
_ASKING = ("worker.after_intent", "worker.before_send", "worker.answer_begun")
_MEANWHILE = (
    *("web.after_create", "dispatcher.after_claim", "worker.after_settle"),
    *("rollup.uncommitted", "rollup.after_commit"),
)
# Several rounds of the roll-up.
_ROLLING_SECONDS = 0.6


@scenario(points=(*_ASKING, *_ANSWERED), actions=(WAKE,))
def overtaken(story: Teller) -> None:
    """A worker freezes, and wakes up while another one holds its message."""
    story.pay("success+webhook_none")


@scenario(points=_ANSWERED, actions=(WAKE,), keyless=True)
def only_witness(story: Teller) -> None:
    """One that wakes up in between alone knows the end: no key, no webhook, no look-up."""
    story.pay("find_dropped:0+webhook_none")


@scenario(
    armed="worker.settle_uncommitted:1:stop",
    points=_MEANWHILE,
    idle_seconds=10,
    rollup_every_seconds=0.1,
)
def slow_commit(story: Teller) -> None:
    """A settle is slow to commit, while others are booked and balances are rolled up."""
    first = story.pay("success+webhook_none")
    story.until_frozen()
    story.pay()
    time.sleep(_ROLLING_SECONDS)
    story.thaw()
    story.until_status(first, SUCCESS)
