"""``make kill-matrix``: a death or a freeze at every kill point of every story, one at a time."""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from config.stack.speech import show
from tests.checkout import code
from tests.kills import matrix, page
from tests.kills.case import BROKEN, CALM, Case, Result
from tests.kills.ground import PLACES_MAX
from tests.kills.running import KEPT, Runner, places
from tests.kills.scenarios import SCENARIOS
from tests.servers import ROOT

DOCS = ROOT / "docs"
SEED = 20


def main() -> int:
    """Run what was asked for; return 1 if anything does not hold."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    data = _known(asked)
    with places(asked.jobs) as where:
        told = Telling(asked.seed)
        runner = Runner(where, asked.seed, told)
        reached = data["reached"] = _survey(runner, data["reached"], asked)
        planned = matrix.planned({name: Counter(counts) for name, counts in reached.items()})
        done = {one["case"] for one in data["cases"]}
        cases = matrix.chosen(planned, asked.only, asked.sample, asked.seed)
        left = [case for case in cases if str(case) not in done]
        show(f"{len(left)} cases of {len(planned)}, seed {asked.seed}")
        told.begin(len(left))
        try:
            runner.run(left, began + asked.minutes * 60 if asked.minutes else float("inf"))
        except KeyboardInterrupt:
            show("stopped; what was found before is written")
    data |= {
        "planned": len(planned),
        "jobs": asked.jobs,
        "code": code(),
        "seconds": data["seconds"] + round(time.monotonic() - began),
        "unreached": matrix.unreached({name: Counter(one) for name, one in reached.items()}),
        "cases": [*data["cases"], *(one.as_dict() for one in told.results)],
    }
    return _written(data, asked)


def _arguments() -> argparse.Namespace:
    stories = "\n".join(f"  {one.name:<22} {one.about}" for one in SCENARIOS.values())
    parser = argparse.ArgumentParser(
        prog="make kill-matrix",
        usage='make kill-matrix ARGS="[--only PART] [--sample N] [--minutes N] [--seed N] …"',
        description=f"{__doc__}\n\nstories:\n{stories}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="PART",
        help="only cases whose name has this in it: a story, a point, story/point:nth:action; "
        "several are all required; story/: is that story alone, and nobody dies")  # fmt: skip
    add("--calm", action="store_true",
        help="where nobody dies, the sensors have to keep still")  # fmt: skip
    add("--sample", type=int, default=0, metavar="N", help="N cases, every point before any twice")
    add("--minutes", type=float, default=0, metavar="N", help="begin no case after so long")
    add("--seed", type=int, default=SEED, help=f"the order, and all chances in the cases ({SEED})")
    add("--jobs", type=int, default=2, choices=range(1, PLACES_MAX), metavar="N",
        help="how many side by side (2)")  # fmt: skip
    add("--json", type=Path, default=KEPT / page.JSON, help="where every case is written down")
    add("--resume", action="store_true", help="go on with that file, if it is of this seed")
    add("--into", type=Path, metavar="FOLDER",
        help="where the page goes (docs after a whole run, else nowhere)")  # fmt: skip
    asked = parser.parse_args()
    is_part = bool(asked.only or asked.sample)
    if asked.into is None and not is_part:
        asked.into = DOCS
    return asked


def _known(asked: argparse.Namespace) -> dict[str, Any]:
    """Return what an earlier run found, if we are to go on with it."""
    if asked.resume and asked.json.exists():
        known: dict[str, Any] = json.loads(asked.json.read_text())
        if known["seed"] == asked.seed:
            return known
    return {"seed": asked.seed, "seconds": 0, "reached": {}, "cases": []}


def _survey(
    runner: Runner, known: dict[str, dict[str, int]], asked: argparse.Namespace
) -> dict[str, dict[str, int]]:
    """Tell every story once, and nobody dies: which points does it reach, and how often?"""
    named = [name for name in SCENARIOS if any(part.startswith(f"{name}/") for part in asked.only)]
    names = [name for name in named or SCENARIOS if name not in known]
    show(f"telling {len(names)} stories once")
    action = CALM if asked.calm else "kill"
    results = runner.run([Case(name, action=action) for name in names])
    broken = [str(one.case) for one in results if one.outcome == BROKEN]
    if broken:
        show(f"these fail although nobody dies: {', '.join(broken)}")
        sys.exit(1)
    return known | {one.case.scenario: dict(sorted(one.reached.items())) for one in results}


class Telling:
    """Says how it goes."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0
        self.results: list[Result] = []

    def begin(self, count: int) -> None:
        """Begin with so many cases; what came before was the survey."""
        self._count, self.results = count, []

    def __call__(self, result: Result) -> None:
        """Say what came of a case; of a bad one all that is needed to see it again."""
        self.results.append(result)
        place = f"{len(self.results)}/{self._count}"
        if result.outcome == BROKEN:
            show(f"BROKEN {place} {result.case} (seed {self._seed})")
            show(f"  {result.trouble[:2000]}")
            show("  schedule: " + ", ".join(result.trace[-40:]))
            show(f"  kept in {KEPT}")
            show(f'  again: make kill-matrix ARGS="--only {result.case} --seed {self._seed}"')
        elif self._count and len(self.results) % 25 == 0:
            show(f"{place} {result.case} {result.outcome}")


def _written(data: dict[str, Any], asked: argparse.Namespace) -> int:
    page.keep(asked.json, data)
    if asked.into:
        page.write(asked.into, data)
    outcomes = Counter(case["outcome"] for case in data["cases"])
    said = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    show(f"{said}; written to {asked.json}{f' and {asked.into}' if asked.into else ''}")
    for point in data["unreached"] if not asked.only else []:
        show(f"no story reaches {point}")
    return 1 if outcomes[BROKEN] else 0


if __name__ == "__main__":
    sys.exit(main())
