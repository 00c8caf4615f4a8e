"""What a figure is: rounds of ours and of another contender, by turns, and their ratios."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

from config.stack.speech import say

_HOLDS = {"≥": operator.ge, "≤": operator.le}


class BenchProblem(Exception):
    """A figure that cannot be trusted, so there is none."""


class Missing(BenchProblem):
    """A tool that a figure needs is not installed."""


@dataclass(frozen=True, slots=True)
class Series:
    """One contender's measurements, a value for each round."""

    label: str
    values: list[float]

    @property
    def median(self) -> float:
        return median(self.values)


@dataclass(frozen=True, slots=True)
class Target:
    """What a ratio should be."""

    sign: str
    bound: float

    def holds(self, ratio: float) -> bool:
        return bool(_HOLDS[self.sign](ratio, self.bound))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours against another, measured by turns: the ratio of each round, and their median."""

    what: str
    unit: str
    ours: Series
    other: Series
    target: Target | None = None

    @property
    def ratios(self) -> list[float]:
        pairs = zip(self.ours.values, self.other.values, strict=True)
        return [ours / other for ours, other in pairs]

    @property
    def ratio(self) -> float:
        return median(self.ratios)


@dataclass(frozen=True, slots=True)
class Reading:
    """Something measured that is compared with nothing."""

    what: str
    unit: str
    values: list[float]


@dataclass(slots=True)
class Figure:
    """What one benchmark found."""

    comparisons: list[Comparison] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "comparisons": [
                {**asdict(one), "ratios": one.ratios, "ratio": one.ratio}
                for one in self.comparisons
            ],
            "readings": [asdict(one) for one in self.readings],
            "notes": self.notes,
        }


def figure_of(data: Mapping[str, Any]) -> Figure:
    """Read a figure back from what ``as_dict`` made of it."""
    comparisons = [
        Comparison(
            one["what"],
            one["unit"],
            Series(**one["ours"]),
            Series(**one["other"]),
            Target(**one["target"]) if one["target"] else None,
        )
        for one in data["comparisons"]
    ]
    return Figure(comparisons, [Reading(**one) for one in data["readings"]], data["notes"])


def by_turns(
    name: str,
    rounds: int,
    unit: str,
    contenders: Mapping[str, Callable[[], float]],
    *,
    each: int = 1,
) -> dict[str, Series]:
    """Measure the contenders one after the other, round after round: A B A B.

    Whatever else the machine does then meets all of them. A round is the median of ``each`` turns.
    """
    found: dict[str, list[float]] = {label: [] for label in contenders}
    for number in range(1, rounds + 1):
        turns: dict[str, list[float]] = {label: [] for label in contenders}
        for turn in range(1, each + 1):
            for label, measure in contenders.items():
                turns[label].append(measure())
                if turn == each:
                    found[label].append(median(turns[label]))
                    value = f"{label} {found[label][-1]:,.4g} {unit}"
                    say(name, f"round {number} of {rounds}: {value}")
    return {label: Series(label, values) for label, values in found.items()}


def percentile(values: list[float], percent: int) -> float:
    """Return the value that this share of the values does not exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]
