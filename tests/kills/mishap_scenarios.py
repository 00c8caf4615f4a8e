"""Stories with a mishap of their own, and of what is swept away when all is done.

``armed`` is a death that belongs to the story itself, so that what repairs it has something to do,
and can die at that.
"""

import redis

from tests.kills.registry import scenario
from tests.kills.teller import SUCCESS, Teller


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
