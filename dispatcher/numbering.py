"""Has events numbered within a second of the change, and fanned out in the same transaction."""

from collections.abc import Callable, Sequence

from core.db import transaction
from core.kill_points import reached
from dispatcher.paced import Paced
from payments import numbering
from payments.numbering import Numbered

FanOut = Callable[[Sequence[Numbered]], None]

# A number is there, and a first delivery due, about this long after the change.
EVERY_SECONDS = 0.25
# Nothing is lost meanwhile, and dispatching has to go on.
FAILURE_PAUSE_SECONDS = 5.0


class Numberer(Paced):
    """Numbers events, and has those told who want to hear of them."""

    def __init__(self, fan_out: Sequence[FanOut] = (), most: int = numbering.BATCH_EVENTS) -> None:
        super().__init__(
            "events.numbering",
            most=most,
            every_seconds=EVERY_SECONDS,
            pause_seconds=FAILURE_PAUSE_SECONDS,
        )
        self._fan_out = fan_out

    def work(self, most: int) -> int:
        """Number a batch; return how many events it looked at, none if another dispatcher does."""
        with transaction():
            batch = numbering.number(most)
            if batch is None or not batch.looked_at:
                return 0
            reached("numbering.after_numbers")
            # With its number or not at all: what was numbered and told nobody would stay so.
            for fan_out in self._fan_out if batch.numbered else ():
                fan_out(batch.numbered)
            reached("numbering.uncommitted")
        reached("numbering.after_commit")
        return batch.looked_at
