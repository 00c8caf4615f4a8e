"""Keeps what was found: every value in ``performance.json``, and tables in ``performance.md``."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.results import Comparison, Figure, Reading, figure_of

JSON_NAME, PAGE_NAME = "performance.json", "performance.md"
BEGIN = "<!-- what `make bench` found: begin -->"
END = "<!-- what `make bench` found: end -->"
_QUICK = (
    "**A quick run: too short, and too few rounds, for its figures to mean anything.** "
    "It shows that the benchmark works.\n\n"
)


def record(
    folder: Path,
    name: str,
    figure: Figure,
    circumstances: dict[str, Any],
    order: Sequence[str] = (),
) -> None:
    """Put a figure in the place of the one with its name, and write page and JSON anew."""
    path = folder / JSON_NAME
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[name] = {**circumstances, **figure.as_dict()}
    places = {one: place for place, one in enumerate(order)}
    known = dict(sorted(known.items(), key=lambda item: places.get(item[0], len(places))))
    path.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    page = folder / PAGE_NAME
    before = page.read_text(encoding="utf-8") if page.exists() else f"{BEGIN}\n{END}\n"
    page.write_text(_with_tables(before, known), encoding="utf-8")


def _with_tables(page: str, known: dict[str, Any]) -> str:
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        message = f"the page has lost its markers {BEGIN} and {END}"
        raise ValueError(message)
    parts = [section(name, data) for name, data in known.items()]
    return f"{head}{BEGIN}\n\n{''.join(parts)}{END}{tail}"


def section(name: str, data: dict[str, Any]) -> str:
    """Return one figure as Markdown."""
    quick = _QUICK if data["quick"] else ""
    tables = _tables(figure_of(data), judged=not data["quick"])
    where = f"`{data['command']}`, {data['at']}. {data['machine']}."
    return f"### {name}\n\n{quick}{''.join(tables)}{where}\n\n"


def _tables(figure: Figure, *, judged: bool) -> Iterator[str]:
    if figure.comparisons:
        yield "| what | ours | other | ratio | target |\n|---|---|---|---|---|\n"
        yield from (_comparison(one, judged=judged) for one in figure.comparisons)
        yield "\n"
    if figure.readings:
        yield "| what | measured |\n|---|---|\n"
        yield from (_reading(one) for one in figure.readings)
        yield "\n"
    for note in figure.notes:
        yield f"{note}\n\n"


def _comparison(one: Comparison, *, judged: bool) -> str:
    ratio = f"**{one.ratio:.2f}** ({min(one.ratios):.2f}–{max(one.ratios):.2f})"
    ours, other = _spread(one.ours.values, one.unit), _spread(one.other.values, one.unit)
    return f"| {one.what} | {ours} | {other} | {ratio} | {_target(one, judged=judged)} |\n"


def _target(one: Comparison, *, judged: bool) -> str:
    if one.target is None:
        return "–"
    mark = "met" if one.target.holds(one.ratio) else "**missed**"
    return f"{one.target.sign} {one.target.bound:g}" + (f": {mark}" if judged else "")


def _reading(one: Reading) -> str:
    return f"| {one.what} | {_spread(one.values, one.unit)} |\n"


def _spread(values: list[float], unit: str) -> str:
    middle = f"{number(median(values))} {unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({number(min(values))}–{number(max(values))})"


def number(value: float) -> str:
    """Return a figure with as many digits as anybody can use."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
