"""Writes what was found, as a page for people."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from tests.checkout import code
from tests.planted.finding import Found
from tests.planted.planting import Mistake

PAGE = "planted-bugs.md"
_INTRO = """# Planted bugs

Written by `make planted`; do not edit.

A test that cannot fail shows nothing. Each mistake below is one that a system like this invites.
It is put into a copy of the code (`tests/planted`), and the command beside it is run there: a case
of the [kill matrix](kill-matrix.md) (`story/:` is the story alone, in which nobody is killed), or a
run of `make chaos`. It has to say that something does not hold. `make planted ARGS=--sound` runs
the same commands on the code as it is, where they have to find nothing. That a unit test finds a
mistake is not enough to stand here.

Some mistakes can be seen in no end state, since the fold, the compare-and-set and the unique keys
make up for them. They are found by the sensors: `--calm` tells a story in which nobody dies, and
then no delivery may have been stale, no write fenced, and nothing settled started again; a worker
that was frozen (`:stop`) has to find itself fenced, or its job stale; and one that wakes up while
another holds its message (`:wake`) has to find itself fenced.

Two of them are two mistakes at once, since one guard stands behind another. The trigger of
`ledger_rollup` refuses a mark above an open transaction, so `highest-id-as-mark` alone would only
make balances slower; it is planted with the trigger's bound left out as well. And as for
`booked-before-whatever-it-was`, nothing from outside can ask for other legs under a reference that
was booked: an operation is settled once, under its payment's lock, and what is booked for it
follows from its own row. So it is planted with one that the comparison of legs stands against,
refunds of a payment that share a reference. With that one alone, the second refund is refused, and
no money of it moves; with both, it moves and is not booked, which `verify` sees. The comparison by
itself is shown by `tests/ledger/test_books.py` only.
"""


def page(mistakes: Iterable[Mistake], found: Mapping[str, Found], of: str) -> str:
    """Return the page, which says of which code it is."""
    rows = [_row(one, found.get(one.name)) for one in mistakes]
    head = [
        "| mistake | what is wrong | found by | which says | seconds |",
        "|---|---|---|---|---|",
    ]
    caught = sum(bool(one.by) for one in found.values())
    counts = f"{len(rows)} mistakes, {len(found)} looked for, {caught} found; {of}."
    said = f"## What was found\n\n{counts}\n"
    return "\n".join([_INTRO, said, *head, *rows]) + "\n"


def _row(mistake: Mistake, found: Found | None) -> str:
    command = mistake.found_by.replace("tests.kills --only ", "").replace("tests.chaos", "chaos")
    said, seconds = ("not run yet", "–") if found is None else (_said(found), str(found.seconds))
    return f"| `{mistake.name}` | {mistake.about} | `{command}` | {said} | {seconds} |"


def _said(found: Found) -> str:
    return found.by.replace("|", "\\|") or "**missed**"


def kept(path: Path) -> dict[str, Found]:
    """Return what an earlier run found, by mistake."""
    if not path.exists():
        return {}
    return {one["name"]: Found(**one) for one in json.loads(path.read_text(encoding="utf-8"))}


def keep(path: Path, found: Mapping[str, Found]) -> None:
    """Keep what was found for a later run."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps([asdict(replace(one, output="")) for one in found.values()], indent=1)
    )


def write(folder: Path, mistakes: Iterable[Mistake], found: Mapping[str, Found]) -> None:
    """Write the page."""
    (folder / PAGE).write_text(page(mistakes, found, code()), encoding="utf-8")
