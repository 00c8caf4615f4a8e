"""The stories: everything that can happen to a payment, each told by somebody else than us.

A story says what merchants, provider and operators do, and how its payments have to end, whoever
dies meanwhile. ``armed`` is a death that belongs to the story itself, so that what repairs it has
something to do, and can die at that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import redis

from tests.kills.teller import FAILED, REFUNDED, SUCCESS, Teller


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story, and what all processes are told at their start."""

    name: str
    tell: Callable[[Teller], None]
    armed: str = ""
    # It is told for these points alone; without any, for all.
    points: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> str:
        """Return what it is about, in a sentence."""
        return " ".join((self.tell.__doc__ or "").split())


SCENARIOS: dict[str, Scenario] = {}
Story = Callable[[Teller], None]


def scenario(
    armed: str = "", points: tuple[str, ...] = (), **options: Any
) -> Callable[[Story], Story]:
    """Add a story to the matrix under its function's name."""

    def add(tell: Story) -> Story:
        SCENARIOS[tell.__name__] = Scenario(tell.__name__, tell, armed, points, options)
        return tell

    return add


@scenario()
def charge(story: Teller) -> None:
    """Three payments, one after the other."""
    for _ in range(3):
        story.until_status(story.pay(), SUCCESS)
    story.until("a block of balances", "SELECT 1 FROM ledger_rollup WHERE upto > '0'")


@scenario()
def burst(story: Teller) -> None:
    """Five payments at once, in jobs of several."""
    story.pay_all([f"burst-{number}" for number in range(5)])


@scenario()
def decline(story: Teller) -> None:
    """Two payments that the provider declines."""
    for _ in range(2):
        story.until_status(story.pay("decline_expired", ends=FAILED), FAILED)


@scenario()
def pending(story: Teller) -> None:
    """The provider says pending, and tells the end by webhook."""
    story.pay("pending_success")
    story.pay("pending_failure", ends=FAILED)


@scenario()
def webhook_first(story: Teller) -> None:
    """The webhook comes before the answer."""
    story.pay("slow_after")


@scenario()
def webhooks_in_disorder(story: Teller) -> None:
    """Webhooks come twice, in the wrong order, and contradict each other."""
    for how in ("twice", "reordered", "contradictory"):
        story.pay(f"webhook_{how}")


@scenario()
def refunds(story: Teller) -> None:
    """Two refunds of a part, and one of the rest."""
    payment = story.pay(ends=REFUNDED)
    story.until_status(payment, SUCCESS)
    for _ in range(2):
        story.refund(payment, 300)
    story.until_refunded(payment, 600)
    story.refund(payment, None)


@scenario()
def refund_answer_lost(story: Teller) -> None:
    """The provider refunds, and its answer is lost."""
    payment = story.pay(ends=SUCCESS)
    story.until_status(payment, SUCCESS)
    story.refund(payment, 400, "sim_drop_after+webhook_none")


@scenario()
def same_key(story: Teller) -> None:
    """One key is sent three times, and at once by several."""
    story.pay_all(["one", "one", "one", "two", "two"])
    story.pay(key="one")


@scenario()
def answer_lost(story: Teller) -> None:
    """The provider captures, drops the connection, and sends no webhook."""
    story.pay("drop_after:9+webhook_none")


@scenario()
def effect_then_error(story: Teller) -> None:
    """The provider captures, and answers 500 now, and for ever under this key."""
    story.pay("error_after+webhook_none")
    story.pay("error_stored+webhook_none")


@scenario(keyless=True)
def no_keys(story: Teller) -> None:
    """A provider without keys captures, and its answer is lost; nothing is sent twice."""
    story.pay("drop_after+webhook_none", ends={SUCCESS, "PROCESSING"})


@scenario()
def late_success(story: Teller) -> None:
    """What the provider declined it captures after all, days later."""
    payment = story.pay("failed_then_captured")
    story.until_status(payment, FAILED)
    story.control("clock", advance_seconds=3 * 86_400)


@scenario(seconds={"RECHECK_EVERY": 0.5, "RECHECK_WINDOW": 1.2}, recheck_scan_seconds=0.1)
def looked_up_again(story: Teller) -> None:
    """What failed is looked up again, and stays failed."""
    story.pay("decline_expired", ends=FAILED)


@scenario()
def second_capture(story: Teller) -> None:
    """The provider charges twice for one request; an operator looks, and ends the review."""
    payment = story.pay("captured_twice")
    review = "SELECT 1 FROM payments_payment WHERE id = %s AND needs_review"
    story.until("a person to be called", review, payment)
    story.until_settled()
    story.desk.act(f"payments/payment/{payment}", "End review")


@scenario()
def replayed(story: Teller) -> None:
    """A message that waits is held, released and replayed by an operator."""
    payment = story.pay("rate_limited_seconds:2")
    if message := story.until_waiting(payment):
        for label in ("Hold", "Release"):
            story.desk.act(f"outbox/message/{message}", label)
    if message := story.until_waiting(payment):
        story.desk.act(f"outbox/message/{message}", "Replay")


@scenario()
def inquired(story: Teller) -> None:
    """The provider is out of service; when it is back, an operator has it asked."""
    story.control("outage", seconds=60, silence="drop")
    payment = story.pay()
    message = story.until_waiting(payment)
    story.control("outage", seconds=0)
    if message:
        story.desk.act(f"outbox/message/{message}", "Inquire")


@scenario()
def applied_again(story: Teller) -> None:
    """A webhook about nothing of ours is parked; an operator has it applied again."""
    story.charge_of_a_stranger("sim_decline_expired")
    parked = "SELECT id::text FROM webhooks_providerevent WHERE parked_at IS NOT NULL"
    (event,) = story.until("a parked event", parked)
    story.desk.act(f"webhooks/providerevent/{event}", "Apply again")
    story.until("it to be parked anew", parked)


@scenario()
def told(story: Teller) -> None:
    """A merchant is told of two payments: each event at least once, in the same bytes."""
    secret = story.endpoint()
    for _ in range(2):
        story.until_status(story.pay("success+webhook_none"), SUCCESS)
    story.until_told(secret)


@scenario(armed="worker.on_receive:1")
def job_lost(story: Teller) -> None:
    """A worker dies with a job that it has only received."""
    story.pay()


@scenario(armed="worker.after_intent:1")
def worker_lost(story: Teller) -> None:
    """A worker dies when it has written down what it is about to ask."""
    story.pay()


@scenario(armed="worker.on_receive:1")
def broker_forgot(story: Teller) -> None:
    """A worker dies with a job, and the broker forgets everything."""
    story.pay()
    story.until_killed()
    url = story.place.ground.broker_url(story.place.number)
    redis.Redis.from_url(url).flushdb()


@scenario(armed="dispatcher.in_publish:1:raise")
def publish_failed(story: Teller) -> None:
    """The broker does not take a job."""
    story.pay()


@scenario(armed="worker.after_outcome:1:raise")
def settle_failed(story: Teller) -> None:
    """An error of ours comes between an answer and its settling."""
    story.pay("success+webhook_none")


_BURIAL = (
    "dispatcher.after_lone_claim",
    *("sweeper.before_burial", "sweeper.burial_uncommitted", "sweeper.after_burial"),
)
# Two among others, three alone.
_DEATHS = ",".join(f"worker.after_intent:{nth}" for nth in range(1, 6))
_PRUNING = ("sweeper.prune_uncommitted", "sweeper.after_prune")


@scenario(armed=_DEATHS, points=_BURIAL)
def poison(story: Teller) -> None:
    """A message kills its workers until it is buried, and an inquiry goes on with it."""
    story.pay()


@scenario(points=_PRUNING, seconds={"DONE_KEPT": 0.3}, prune_every_seconds=0.2)
def pruned(story: Teller) -> None:
    """Messages that are done are deleted."""
    story.until_status(story.pay("success+webhook_none"), SUCCESS)
    story.until_pruned()
