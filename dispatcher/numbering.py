"""Has events numbered within a second of the change, and fanned out in the same transaction."""

import time
from collections.abc import Callable, Sequence

from core.db import transaction
from core.kill_points import reached
from core.logging import get_logger
from dispatcher.database import TROUBLE, is_in_the_way
from payments import numbering
from payments.numbering import Batch, Numbered

log = get_logger(__name__)

FanOut = Callable[[Sequence[Numbered]], None]

# A number is there, and a first delivery due, about this long after the change.
EVERY_SECONDS = 0.25
# Nothing is lost meanwhile, and dispatching has to go on.
FAILURE_PAUSE_SECONDS = 5.0


class Numberer:
    """When the next events are numbered, and who is told of them."""

    def __init__(self, fan_out: Sequence[FanOut] = (), most: int = numbering.BATCH_EVENTS) -> None:
        self._fan_out = fan_out
        self._most = most
        self._next = 0.0

    def run_if_due(self) -> None:
        """Number a batch if it is time; an error that leaves the connection whole is logged."""
        began = time.monotonic()
        if began < self._next:
            return
        # Set first: what fails must not come back before any work is done.
        self._next = began + FAILURE_PAUSE_SECONDS
        try:
            batch = self._number()
        except TROUBLE as error:
            log.warning("events.numbering_held_up", error=repr(error))
            if not is_in_the_way(error):
                raise
        except Exception:
            log.exception("events.numbering_failed")
        else:
            self._plan_next(batch, began)

    def _number(self) -> Batch | None:
        with transaction():
            batch = numbering.number(self._most)
            if batch is None or not batch.looked_at:
                return batch
            reached("numbering.after_numbers")
            # With its number or not at all: what was numbered and told nobody would stay so.
            for fan_out in self._fan_out if batch.numbered else ():
                fan_out(batch.numbered)
            reached("numbering.uncommitted")
        reached("numbering.after_commit")
        return batch

    def _plan_next(self, batch: Batch | None, began: float) -> None:
        now = time.monotonic()
        if batch is None or batch.looked_at < self._most:
            self._next = now + EVERY_SECONDS
            return
        # More are waiting; dispatching gets as much time as they do.
        self._next = now + (now - began)
        log.info("events.catching_up", events=batch.looked_at)
