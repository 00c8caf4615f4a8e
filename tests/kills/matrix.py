"""Which cases there are: every point that a story reaches, by how often it reaches it."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from core.kill_points import parse
from core.known_kill_points import POINTS
from tests.kills.case import Case
from tests.kills.registry import KILL
from tests.kills.scenarios import SCENARIOS

HITS_MAX = 3
# Where a worker can freeze while another one goes on.
ZOMBIES = ("worker.", "sender.", "fold.", "changes.")


def planned(reached: Mapping[str, Counter[str]]) -> list[Case]:
    """Return every case of these stories, from what each of them reached when nobody died."""
    cases: list[Case] = []
    for name, counts in reached.items():
        scenario = SCENARIOS[name]
        own = {(arm.name, arm.nth) for arm in parse(scenario.armed)}
        for point in scenario.points or POINTS:
            times = min(counts[point], HITS_MAX)
            mine = [nth for nth in range(1, times + 1) if (point, nth) not in own]
            if KILL in scenario.actions:
                cases += [Case(name, point, nth) for nth in mine]
            if mine and point.startswith(ZOMBIES):
                freezes = [action for action in scenario.actions if action != KILL]
                cases += [Case(name, point, mine[0], action) for action in freezes]
    return cases


def chosen(cases: Iterable[Case], only: Sequence[str], sample: int, seed: int) -> list[Case]:
    """Return the cases to run, in the order of the seed; a sample has every point before any twice.

    ``only`` are parts of names: a point, a story, or a whole case.
    """
    mine = sorted(case for case in cases if all(part in str(case) for part in only))
    random.Random(seed).shuffle(mine)
    if not sample:
        return mine
    rounds: Counter[tuple[str, str]] = Counter()
    ranked: list[tuple[int, Case]] = []
    for case in mine:
        ranked.append((rounds[case.point, case.action], case))
        rounds[case.point, case.action] += 1
    ranked.sort(key=lambda pair: pair[0])
    return [case for _, case in ranked[:sample]]


def unreached(reached: Mapping[str, Counter[str]]) -> list[str]:
    """Return the points that no story reaches."""
    return [point for point in POINTS if not any(counts[point] for counts in reached.values())]
