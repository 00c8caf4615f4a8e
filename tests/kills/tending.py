"""Restarts what died, as a supervisor does; knows whether it was to die."""

import threading
import time
from typing import Any

from tests.kills.place import NEEDED, Place
from tests.outside.journal import Journal

EVERY_SECONDS = 0.03


class Tender(threading.Thread):
    """Watches the processes of a place while a story is told."""

    def __init__(self, place: Place, journal: Journal, *, whole: bool) -> None:
        super().__init__(daemon=True)
        self._place, self._journal, self._whole = place, journal, whole
        self._stopping = threading.Event()
        self._known = 0
        self.unexpected: list[str] = []
        self.trouble: Exception | None = None

    def run(self) -> None:
        """Look after all until told to stop."""
        try:
            while not self._stopping.wait(EVERY_SECONDS):
                self._read_trace()
                self._replace_the_dead()
        except Exception as error:  # noqa: BLE001 - told to whoever waits for us
            self.trouble = error

    def stop(self) -> None:
        """Look after nobody any more."""
        self._stopping.set()
        self.join(10)

    def _read_trace(self) -> None:
        trace = self._place.trace()
        for _, _, action, pid in trace[self._known :]:
            if action == "kill" and self._whole and int(pid) not in self._place.running.values():
                self._kill_worker(int(pid))
        self._known = len(trace)

    def _kill_worker(self, child: int) -> None:
        """A slot of the pool is gone; let the rest of its worker go, too, as a machine would."""
        name = "worker"
        self._place.ask("kill", pids=[self._place.running[name]])
        self._place.start(name)

    def _replace_the_dead(self) -> None:
        gone: dict[str, Any] = self._place.ask("gone")["gone"]
        for name, pid in list(self._place.running.items()):
            if str(pid) not in gone or name not in NEEDED:
                continue
            if not self._was_told(pid):
                self.unexpected.append(
                    f"{name} ended with {gone[str(pid)]}\n{self._place.log(name)}"
                )
            self._place.start(name)
            if name == "web":
                now = time.time()
                self._journal.fault("web died", now - 1.0, now, excuses=True)

    def _was_told(self, pid: int) -> bool:
        return any(action == "kill" and int(who) == pid for *_, action, who in self._place.trace())
