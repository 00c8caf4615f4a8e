"""Runs cases side by side, each place one at a time."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue

import psycopg2

from tests.kills import case as cases
from tests.kills.case import Case, Result
from tests.kills.ground import ground
from tests.kills.place import Place, seeded
from tests.servers import ROOT

KEPT = ROOT / ".local" / "kills"


@contextmanager
def places(count: int) -> Iterator[list[Place]]:
    """Give so many places on one ground."""
    with ExitStack() as stack:
        land = stack.enter_context(ground())
        found = [stack.enter_context(seeded(land))]
        for number in range(1, count):
            place = Place(land, number)
            stack.callback(place.close)
            found.append(place)
        yield found


class Runner:
    """Cases on places, until all are done or the time is up."""

    def __init__(self, where: Sequence[Place], seed: int, tell: Callable[[Result], None]) -> None:
        self._where, self._seed, self._tell = where, seed, tell
        self._lock = threading.Lock()

    def run(self, asked: Sequence[Case], until: float = float("inf")) -> list[Result]:
        """Run cases and return what came of them; none is begun after ``until``."""
        waiting: SimpleQueue[Case] = SimpleQueue()
        for case in asked:
            waiting.put(case)
        results: list[Result] = []
        with ThreadPoolExecutor(len(self._where)) as pool:
            work = [pool.submit(self._work, one, waiting, results, until) for one in self._where]
            try:
                for future in as_completed(work):
                    future.result()
            finally:
                # Whoever is left ends with the case at hand.
                while not waiting.empty():
                    with suppress(Empty):
                        waiting.get_nowait()
        return results

    def _work(
        self, place: Place, waiting: "SimpleQueue[Case]", results: list[Result], until: float
    ) -> None:
        while time.monotonic() < until:
            try:
                case = waiting.get_nowait()
            except Empty:
                return
            result = cases.run(place, case, self._seed)
            with self._lock:
                results.append(result)
                self._note(place, result)

    def _note(self, place: Place, result: Result) -> None:
        if result.outcome == cases.BROKEN:
            _keep(place, result)
        self._tell(result)


# How things stand in the database where something did not happen.
_STANDING = (
    """
    SELECT kind, lane, state, epoch, alone, worker, starts, failures, lost, last_error,
           available_at - now(), lease_until - now(), started_at - now()
    FROM outbox_message ORDER BY id
    """,
    """
    SELECT pid, application_name, state, wait_event_type, wait_event, now() - xact_start,
           now() - state_change, pg_blocking_pids(pid), left(query, 300)
    FROM pg_stat_activity WHERE datname = current_database() ORDER BY pid
    """,
)


def _keep(place: Place, result: Result) -> None:
    """Keep logs, journal and the provider's books of a case that failed."""
    into = KEPT / str(result.case).replace("/", ".").replace(":", "-")
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(place.folder, into, ignore=shutil.ignore_patterns("metrics", "*-shm", "*.lock"))
    (into / "trouble.txt").write_text(result.trouble + "\n\n" + "\n".join(result.trace) + "\n")
    with suppress(psycopg2.Error):
        found = [f"{sql.strip()}\n  " + "\n  ".join(map(str, place.rows(sql))) for sql in _STANDING]
        (into / "standing.txt").write_text("\n\n".join(found) + "\n")
