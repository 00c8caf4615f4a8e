"""What a dispatcher does beside dispatching: batch by batch, so that neither stops the other."""

import time
from abc import ABC, abstractmethod

from core.logging import get_logger
from dispatcher.database import TROUBLE, is_in_the_way

log = get_logger(__name__)


class Paced(ABC):
    """When the next batch is due, and how large it may be.

    One that fails is tried again with half of it, down to a single thing, for it may have failed
    because it was too large for the time it is given; each that succeeds makes the next one larger.
    """

    def __init__(self, name: str, *, most: int, every_seconds: float, pause_seconds: float) -> None:
        self._held_up, self._failed = f"{name}_held_up", f"{name}_failed"
        self._catching_up = f"{name}_catching_up"
        self._most = self._size = most
        self._every_seconds, self._pause_seconds = every_seconds, pause_seconds
        self._next = 0.0

    @abstractmethod
    def work(self, most: int) -> int:
        """Do the next batch, of so many at the most; return how many there were."""

    def run_if_due(self) -> None:
        """Do a batch if it is time; an error that leaves the connection whole is logged."""
        began = time.monotonic()
        if began < self._next:
            return
        # Set first: what fails must not come back before any work is done.
        self._next = began + self._pause_seconds
        size, self._size = self._size, max(1, self._size // 2)
        try:
            found = self.work(size)
        except TROUBLE as error:
            log.warning(self._held_up, error=repr(error))
            if not is_in_the_way(error):
                raise
        except Exception:
            log.exception(self._failed)
        else:
            self._size = min(self._most, size * 2)
            self._plan_next(began, found, size)

    def _plan_next(self, began: float, found: int, size: int) -> None:
        now = time.monotonic()
        if found < size:
            self._next = now + self._every_seconds
            return
        # More are waiting; dispatching gets as much time as they do.
        self._next = now + (now - began)
        log.info(self._catching_up, done=found)
