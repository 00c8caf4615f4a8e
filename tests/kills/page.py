"""Writes what a run found: every case as JSON, and a page for people."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.known_kill_points import POINTS
from tests.kills.case import BROKEN, HELD, UNREACHED
from tests.kills.registry import KILL, STOP, WAKE
from tests.kills.scenarios import SCENARIOS

PAGE, JSON = "kill-matrix.md", "kill-matrix.json"
_INTRO = """# The kill matrix

Written by `make kill-matrix`; do not edit.

Each story below is told to the project's own processes, on a real PostgreSQL and a real broker,
with the [simulator](simulator.md) as the provider. In each case one process dies (SIGKILL) at one
[kill point](exactly-once.md#kill-points), the first, second or third time that it gets there, and
is started again; the story goes on. In a *frozen* case a worker stops there (SIGSTOP) until another
one has done its work, and then goes on. Where its start was taken over meanwhile, it has to find
itself fenced, or its job stale. Some wake up earlier, while whoever took the message over has only
begun with it and is frozen, too: those have to find themselves fenced.

When nothing is left to do, every invariant of `manage.py verify --quiescent` is asked, and every
claim of `tests/outside`, which sets the provider's books and the merchants' journal against ours;
each request is sent once more and has to be answered in the same bytes; each payment has to have
ended as its story says; and nobody else may have died. A case that fails is printed with the
command that runs it again.

Processes are forked from one that has imported everything, web is served by the standard library
around our WSGI application, and leases are about a tenth of their usual length, so that a case
takes a second or two. The real servers and their real start are killed by `tests/crash`.
"""


def write(folder: Path, data: Mapping[str, Any]) -> None:
    """Write page and JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(page(data), encoding="utf-8")


def keep(path: Path, data: Mapping[str, Any]) -> None:
    """Write the JSON, a case a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = {name: value for name, value in data.items() if name != "cases"}
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in data["cases"])
    text = json.dumps(head, indent=2)[:-2] + f',\n  "cases": [\n{lines}\n]}}\n'
    path.write_text(text, encoding="utf-8")


def page(data: Mapping[str, Any]) -> str:
    """Return the page."""
    cases: Sequence[Mapping[str, Any]] = data["cases"]
    outcomes = Counter(case["outcome"] for case in cases)
    frozen = [case for case in cases if _action(case) != KILL and case["outcome"] == HELD]
    fenced = sum(case["fences"] > 0 for case in frozen)
    stale = sum(case["stale"] > 0 and not case["fences"] for case in frozen)
    run = (
        f"{len(cases)} of {data['planned']} cases, seed {data['seed']}, {data['jobs']} side by"
        f" side, {round(data['seconds'] / 60)} minutes, {_mean(cases):.1f} s a case;"
        f" {data['code']}."
    )
    woken = (
        f"Of {len(frozen)} frozen workers that woke up late, {fenced} were fenced, and {stale} held"
        " a job that had become stale. The others had nothing left to write: their transaction had"
        " been ended, or they had committed before."
    )
    lot = (
        "*Not reached* is a point that a story usually passes, but did not in this run, because of"
        " the timing."
    )
    counts = f"| {outcomes[HELD]} | {outcomes[BROKEN]} | {outcomes[UNREACHED]} |"
    lines = [_INTRO, "## The last run", "", run, "", "| held | broken | not reached this time |",
             "|---|---|---|", counts, "", woken, "", lot, "",
             *_by_point(cases, data["unreached"]), "", *_by_story(cases)]  # fmt: skip
    return "\n".join(lines) + "\n"


def _mean(cases: Sequence[Mapping[str, Any]]) -> float:
    return sum(float(case["seconds"]) for case in cases) / max(1, len(cases))


def _action(case: Mapping[str, Any]) -> str:
    return str(case["case"]).rpartition(":")[2]


def _point(case: Mapping[str, Any]) -> str:
    return str(case["case"]).partition("/")[2].partition(":")[0]


def _by_point(cases: Sequence[Mapping[str, Any]], unreached: Sequence[str]) -> list[str]:
    held: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    stories: defaultdict[str, set[str]] = defaultdict(set)
    fenced, stale, missed = Counter[str](), Counter[str](), Counter[str]()
    for case in cases:
        if case["outcome"] == UNREACHED:
            missed[_point(case)] += 1
        else:
            is_frozen = _action(case) != KILL
            fenced[_point(case)] += is_frozen and case["fences"] > 0
            stale[_point(case)] += is_frozen and case["stale"] > 0 and not case["fences"]
            held[_point(case), _action(case)].append(case["outcome"] == HELD)
            stories[_point(case)].add(str(case["case"]).partition("/")[0])
    rows = [
        "## By point",
        "",
        "| point | stories | killed, held | frozen, held | fenced | stale | not reached |",
        "|---|---|---|---|---|---|---|",
    ]
    for point in POINTS:
        killed, frozen = held[point, KILL], held[point, STOP] + held[point, WAKE]
        what = "no story" if point in unreached else str(len(stories[point]))
        counts = (fenced[point] or "–", stale[point] or "–", missed[point] or "–")
        shares = (_share(killed), _share(frozen), *map(str, counts))
        rows.append(f"| `{point}` | {what} | {' | '.join(shares)} |")
    return rows


def _share(held: Sequence[bool]) -> str:
    if not held:
        return "–"
    return str(len(held)) if all(held) else f"**{sum(held)} of {len(held)}**"


def _by_story(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    count = Counter(str(case["case"]).partition("/")[0] for case in cases)
    rows = ["## The stories", "", "| story | what happens | cases |", "|---|---|---|"]
    return rows + [
        f"| `{one.name}` | {one.about} | {count[one.name]} |" for one in SCENARIOS.values()
    ]
