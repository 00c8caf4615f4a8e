"""One case: a story, and a death or a freeze at one moment of it. Afterwards all must hold."""

import random
import time
import traceback
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.kills.place import Place, Stuck
from tests.kills.registry import STOP, WAKE
from tests.kills.scenarios import SCENARIOS
from tests.kills.teller import Teller
from tests.kills.tending import Tender
from tests.outside import checking
from tests.outside.journal import Journal

HELD, BROKEN, UNREACHED = "held", "broken", "unreached"
FENCES, STALE = "pay_fence_rejections_total", "pay_stale_deliveries_total"
STARTS_ON_SETTLED = "pay_starts_on_settled_total"
# Nobody dies, and the sensors have to keep still: some mistakes can be seen in no end state.
CALM = "calm"
# Where a frozen worker holds a start, or a job, that another one has taken over meanwhile: when it
# wakes up it must find itself fenced, or its job stale, or the case has shown nothing.
TAKEN_OVER = frozenset(
    {
        *("worker.on_receive", "worker.after_intent", "worker.before_send", "worker.after_send"),
        *("worker.answer_begun", "worker.before_look", "worker.after_answer"),
        "worker.before_settle",
        *("worker.after_fence", "worker.after_answer_stored", "worker.after_outcome"),
        *("worker.settle_uncommitted", "worker.after_local_start"),
        *("fold.after_dispute", "fold.after_changes", "fold.after_marks"),
        *("sender.before_send", "sender.after_send"),
    }
)
# A zombie may have to find out first that its connection is gone.
WAKING_SECONDS = 10.0
IDLING_SECONDS = 0.5
# Where a worker that took a message over has written down what it is about to ask.
HOLDING = "worker.after_intent"
HELD_SECONDS = 15.0


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """Which story, and what happens the how manieth time at which point of it."""

    scenario: str
    point: str = ""
    nth: int = 1
    action: str = "kill"

    def __str__(self) -> str:
        return f"{self.scenario}/{self.point}:{self.nth}:{self.action}"

    @classmethod
    def parse(cls, text: str) -> "Case":
        """Read what ``str`` made."""
        scenario, _, rest = text.partition("/")
        point, nth, action = rest.split(":")
        return cls(scenario, point, int(nth), action)


@dataclass(slots=True)
class Result:
    """What came of a case."""

    case: Case
    outcome: str = HELD
    seconds: float = 0.0
    trouble: str = ""
    reached: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)
    fences: int = 0
    stale: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return what is kept of it; of a good one no trace."""
        kept = {**asdict(self), "case": str(self.case)}
        for name in ("reached", *(() if self.outcome == BROKEN else ("trace", "trouble"))):
            del kept[name]
        return kept


class Violated(Exception):
    """Something does not hold."""


def run(place: Place, case: Case, seed: int) -> Result:
    """Tell the story, with a death in it, and look whether everything holds afterwards."""
    began, result = time.monotonic(), Result(case)
    scenario = SCENARIOS[case.scenario]
    kill_point = ",".join([*filter(None, [scenario.armed]), *_arms(case)])
    chance = random.Random(f"{seed}/{case}")
    try:
        place.renew(kill_point=kill_point, seed=chance.random(), **scenario.options)
        _live_through(place, case, result, whole=chance.random() < 0.5)
    except (Stuck, Violated, AssertionError) as problem:
        result.outcome = BROKEN
        result.trouble = str(problem) or traceback.format_exc()
    result.trace = [" ".join(hit[:3]) for hit in place.trace()]
    result.reached = Counter(hit[0] for hit in place.trace())
    if result.outcome == HELD and case.point and not _happened(place, case):
        result.outcome = UNREACHED
    result.seconds = round(time.monotonic() - began, 2)
    if result.outcome != BROKEN:
        place.clear()
    return result


def _arms(case: Case) -> list[str]:
    """Say who is to die or freeze; whoever takes over from one that is to be woken freezes, too."""
    if not case.point:
        return []
    if case.action != WAKE:
        return [f"{case.point}:{case.nth}:{case.action}"]
    # The first that gets so far is the one that froze.
    return [f"{case.point}:{case.nth}:{STOP}", f"{HOLDING}:{case.nth + 1}:{STOP}"]


def _happened(place: Place, case: Case) -> bool:
    wanted = [case.point, str(case.nth), STOP if case.action == WAKE else case.action]
    return any(hit[:3] == wanted for hit in place.trace())


def _live_through(place: Place, case: Case, result: Result, *, whole: bool) -> None:
    with closing(Journal(place.folder / "journal.jsonl")) as journal:
        journal.path.write_bytes(b"")
        place.start_all()
        tender = Tender(place, journal, whole=whole)
        tender.start()
        try:
            teller = Teller(place, journal)
            SCENARIOS[case.scenario].tell(teller)
            _wait_for_all(place, case, teller)
            teller.look_into_reviews()
            teller.ask_again()
            teller.until_settled()
            # One that woke up may have told more after its fence was counted, and called a person.
            teller.look_into_reviews()
            teller.until_settled()
            _read_sensors(place, case, result)
        except Exception:
            if tender.trouble:
                raise tender.trouble from None
            raise
        finally:
            tender.stop()
        _check(place, teller, tender)


def _wait_for_all(place: Place, case: Case, teller: Teller) -> None:
    """Wait until all is settled, by those who froze as well."""
    if case.action == WAKE and case.point:
        _wake_in_between(place)
    teller.until_settled()
    if case.action != WAKE and place.frozen():
        _wake(place, case)
        teller.until_settled()


def _wake(place: Place, case: Case) -> None:
    """Let the frozen worker go on, now that another has finished, and see what it finds."""
    before = place.counted(FENCES, STALE)
    place.thaw(place.frozen())
    if case.point not in TAKEN_OVER:
        time.sleep(IDLING_SECONDS)
    elif not _is_noticed(place, before, FENCES, STALE):
        message = "the frozen worker woke up, and was neither fenced nor stale"
        raise Violated(message)


def _wake_in_between(place: Place) -> None:
    """Let the frozen worker go on while another one has only begun with its message."""
    place.until("another to hold its message", lambda: len(place.frozen()) > 1, HELD_SECONDS)
    late, holder = place.frozen()
    before = place.counted(FENCES)
    place.thaw([late])
    is_fenced = _is_noticed(place, before, FENCES)
    place.thaw([holder])
    if not is_fenced:
        message = "the frozen worker woke up while another held its message, and was not fenced"
        raise Violated(message)


def _is_noticed(place: Place, before: float, *sensors: str) -> bool:
    """Wait until a worker that woke up finds out; tell whether it does."""
    deadline = time.monotonic() + WAKING_SECONDS
    while time.monotonic() < deadline:
        if place.counted(*sensors) > before:
            return True
        time.sleep(0.05)
    return False


def _read_sensors(place: Place, case: Case, result: Result) -> None:
    """Keep what the sensors say; in a calm case they have nothing to say."""
    result.fences, result.stale = int(place.counted(FENCES)), int(place.counted(STALE))
    for sensor in (FENCES, STALE, STARTS_ON_SETTLED) if case.action == CALM else ():
        if count := int(place.counted(sensor)):
            message = f"nobody died, and yet {sensor} is {count}"
            raise Violated(message)


def _check(place: Place, teller: Teller, tender: Tender) -> None:
    if tender.unexpected:
        message = f"a process died that was not told to: {tender.unexpected[0]}"
        raise Violated(message)
    for payment, ends in teller.ends.items():
        if (status := teller.status_of(payment)) not in ends:
            message = f"payment {payment} is {status}, not {' or '.join(ends)}"
            raise Violated(message)
    verdict = place.run("verify", seed=0)
    if verdict["bad"]:
        raise Violated("; ".join(verdict["bad"]))
    url = place.ground.databases.url(place.database, owner=True)
    broken = checking.check(url, place.simulator_db, place.folder / "journal.jsonl", at_rest=True)
    if broken:
        raise Violated(str(broken[0]))
