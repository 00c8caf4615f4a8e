"""Keeps the snapshots of the books near their end (ADR 0012): for speed, not for exactness."""

import time

from core.logging import get_logger
from dispatcher.database import TROUBLE, is_in_the_way
from ledger import rollup

log = get_logger(__name__)

# What a balance has to read besides its snapshot is about what was booked in this time.
EVERY_SECONDS = 1.0
# Nothing is lost meanwhile, and dispatching has to go on.
FAILURE_PAUSE_SECONDS = 10.0


class RollUp:
    """When the next block is added."""

    def __init__(self, most: int = rollup.BLOCK_TRANSACTIONS) -> None:
        self._most = most
        self._next = 0.0

    def run_if_due(self) -> None:
        """Add a block if it is time; an error that leaves the connection whole is logged."""
        began = time.monotonic()
        if began < self._next:
            return
        # Set first: what fails must not come back before any work is done.
        self._next = began + FAILURE_PAUSE_SECONDS
        try:
            added = rollup.add_block(self._most) or 0
        except TROUBLE as error:
            log.warning("balances.rollup_held_up", error=repr(error))
            if not is_in_the_way(error):
                raise
        except Exception:
            log.exception("balances.rollup_failed")
        else:
            self._plan_next(added, began)

    def _plan_next(self, added: int, began: float) -> None:
        now = time.monotonic()
        if added < self._most:
            self._next = now + EVERY_SECONDS
            return
        # More are waiting; dispatching gets as much time as they do.
        self._next = now + (now - began)
        log.info("balances.catching_up", transactions=added)
