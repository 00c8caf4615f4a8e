"""Lets a plan happen, each fault at its time, side by side, and writes down that it did."""

import threading
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.faults import Mischief, costs_answers
from tests.chaos.schedule import Planned
from tests.outside.journal import Journal

SIDE_BY_SIDE = 32


class Storm(threading.Thread):
    """All faults of a run."""

    def __init__(self, planned: Sequence[Planned], mischief: Mischief, journal: Journal) -> None:
        super().__init__(name="storm")
        self.met: Counter[str] = Counter()
        self.failed: list[str] = []
        self.ended_at = 0.0
        self._planned = planned
        self._mischief = mischief
        self._journal = journal
        self._stopping = threading.Event()
        self._begun = 0.0

    def run(self) -> None:
        """Begin each fault at its time, and end when the last one has."""
        self._begun = time.monotonic()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as hands:
            for one in self._planned:
                if self._stopping.wait(max(0.0, self._begun + one.at - time.monotonic())):
                    break
                hands.submit(self._do, one)
        self.ended_at = time.time()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping.set()

    def _do(self, one: Planned) -> None:
        begun = time.time()
        try:
            with self._mischief.doing(one):
                self._stopping.wait(one.seconds)
            self.met[one.fault] += 1
        except Exception:  # noqa: BLE001 - shown; a fault that fails is a run that shows less
            self.failed.append(f"{one}: {traceback.format_exc()}")
        finally:
            self._journal.fault(str(one), begun, time.time(), excuses=costs_answers(one))
