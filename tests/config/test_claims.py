"""The page of claims names only what exists, and leaves no claim out."""

import ast
import re
from collections.abc import Collection
from functools import cache

import pytest

from config import verifying
from core.known_kill_points import POINTS
from tests.chaos.schedule import KINDS
from tests.kills.scenarios import SCENARIOS
from tests.outside.checking import CLAIMS
from tests.planted.catalogue import MISTAKES
from tests.servers import ROOT

PAGE = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
# The legend says how a name is written.
LEGEND, *SECTIONS = PAGE.split("\n## ")
BODY = "\n".join(SECTIONS)
ROW = re.compile(r"^\| ([A-Z]?\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(\w+):([^`]+)`")
TEST = re.compile(r"`(tests/[^`]+)`")
# The legend names a folder and a pattern, too.
TESTS = sorted({*TEST.findall(BODY), *re.findall(r"`(tests/[^`…]+::[^`…]+)`", LEGEND)})
NO_EVIDENCE = ("**Not shown**", "no such point")
FAULTS = {"R": 5, "D": 7, "B": 6, "W": 12, "S": 1, "P": 5, "T": 1, "O": 2, "G": 1}
NUMBERS = {
    "Unknown outcomes": [str(number) for number in range(1, 14)],
    "The whole system": [str(number) for number in range(1, 29)],
    "The outbox": [str(number) for number in range(1, 14)],
    "Faults": [f"{letter}{n}" for letter, most in FAULTS.items() for n in range(1, most + 1)],
    "Kill points": [str(number) for number in range(1, 37)],
}


def _known() -> dict[str, Collection[str]]:
    """Return every name that there is, by the word before it."""
    return {
        "verify": {invariant.name for invariant in verifying.invariants(quiescent=True)},
        "outside": {claim.name for claim in CLAIMS},
        "point": POINTS,
        "story": SCENARIOS,
        "fault": KINDS,
        "mistake": {mistake.name for mistake in MISTAKES},
    }


def _rows(title: str) -> list[tuple[str, str, str]]:
    (section,) = [one for one in SECTIONS if one.startswith(title)]
    return ROW.findall(section)


@cache
def _tests_in(path: str) -> frozenset[str]:
    """Return what a file defines, as tests are written after its name."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            methods = (one for one in node.body if isinstance(one, ast.FunctionDef))
            found |= {f"{node.name}::{method.name}" for method in methods}
    return frozenset(found)


@pytest.mark.parametrize("name", TESTS)
def test_a_test_on_the_page_exists(name: str) -> None:
    path, _, test = name.partition("::")

    assert test.rpartition("::")[2].startswith("test_")
    assert test in _tests_in(path)


def test_the_tests_on_the_page_were_found() -> None:
    assert len(TESTS) > 100


@pytest.mark.parametrize("word", ["verify", "outside", "point", "story", "fault", "mistake"])
def test_a_name_on_the_page_exists(word: str) -> None:
    named = {name for prefix, name in NAMED.findall(BODY) if prefix == word}

    assert named
    assert named - set(_known()[word]) == set()


def test_no_name_is_of_a_kind_that_nobody_looks_up() -> None:
    words = {word for word, _ in NAMED.findall(BODY)}

    assert words == set(_known())


def test_the_legend_has_every_kind_of_name() -> None:
    explained = re.findall(r"^\| `(\w+):name` \|", LEGEND, re.MULTILINE)

    assert explained == [*_known()]


@pytest.mark.parametrize("title", NUMBERS)
def test_no_claim_is_missing_and_none_comes_twice(title: str) -> None:
    assert [number for number, _, _ in _rows(title)] == NUMBERS[title]


def test_the_page_has_these_sections_and_no_others() -> None:
    assert [one.partition("\n")[0].partition(":")[0] for one in SECTIONS] == [*NUMBERS]


@pytest.mark.parametrize("title", NUMBERS)
def test_a_claim_names_what_shows_it_or_says_that_nothing_does(title: str) -> None:
    silent = [
        number
        for number, _, shown in _rows(title)
        if not NAMED.search(shown)
        and not TEST.search(shown)
        and not any(words in shown for words in NO_EVIDENCE)
    ]

    assert silent == []


def test_every_kill_point_that_stands_for_a_fault_is_named() -> None:
    other = (ROOT / "docs" / "exactly-once.md").read_text(encoding="utf-8")
    faults = dict(re.findall(r"^\| `([\w.]+)` \| .+? \| .+? \| (.+?) \| ", other, re.MULTILINE))
    named = {name for word, name in NAMED.findall(BODY) if word == "point"}

    # A dash is a step that moves no money, and is done again by the next round.
    assert {point for point in POINTS if faults[point] != "–"} - named == set()
