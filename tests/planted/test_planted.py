"""The catalogue of mistakes fits the code as it is, and its readers read."""

import pytest

from core.known_kill_points import POINTS
from tests.kills.case import Case
from tests.kills.scenarios import SCENARIOS
from tests.planted import page
from tests.planted.catalogue import MISTAKES
from tests.planted.finding import Found, finding
from tests.planted.planting import Edit, Mistake, Moved
from tests.servers import ROOT

MISTAKES_MIN = 20
AT = "charge/worker.after_send:1:kill"
KILLS = f"tests.kills --only {AT}"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.name)
def test_a_mistake_can_be_planted_and_is_python(mistake):
    for path, text in mistake.changed().items():
        assert text != (ROOT / path).read_text(encoding="utf-8")
        compile(text, path, "exec")


def test_there_are_many_mistakes_and_each_is_another_one():
    assert len({one.name for one in MISTAKES}) == len(MISTAKES) >= MISTAKES_MIN
    assert len({one.edits for one in MISTAKES}) == len(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.name)
def test_what_finds_a_mistake_exists(mistake):
    program, *rest = mistake.found_by.split()

    if program == "tests.kills":
        story, _, case = rest[1].partition("/")
        assert story in SCENARIOS
        assert case == ":" or Case.parse(rest[1]).point in POINTS
    else:
        assert program == "tests.chaos"


def test_the_page_in_docs_has_every_mistake():
    text = (ROOT / "docs" / page.PAGE).read_text(encoding="utf-8")

    assert [one.name for one in MISTAKES if f"| `{one.name}` | {one.about} |" not in text] == []


def test_the_page_shows_what_was_missed(tmp_path):
    found, missed = MISTAKES[:2]
    known = {found.name: Found(found.name, "a|b", 3), missed.name: Found(missed.name, "", 4)}
    page.keep(tmp_path / "kept.json", known)

    text = page.page((found, missed), page.kept(tmp_path / "kept.json"), "code of abc")

    assert "2 mistakes, 2 looked for, 1 found; code of abc." in text
    assert "| a\\|b | 3 |" in text
    assert "| **missed** | 4 |" in text


def test_a_text_that_moved_is_said_to_have_moved():
    edit = Edit("manage.py", "no such text", "")

    with pytest.raises(Moved, match="0 times"):
        Mistake("moved", "", "", (edit,)).changed()


@pytest.mark.parametrize(
    ("command", "code", "output", "found"),
    [
        (KILLS, 1, f"BROKEN 1/1 {AT} (seed 1)\n  lost: it is [{{'id': 1}}]", "lost: it is"),
        (KILLS, 1, "BROKEN 1/0 charge/:1:kill\n  lost\n", "lost (before anybody died)"),
        (KILLS, 1, "Traceback (most recent call last):\n…", ""),
        (KILLS, 0, "1 held; written to …", ""),
        (KILLS, 0, "1 unreached; written to …", "worker.after_send is never reached"),
        ("tests.kills --only charge/:", 0, "0 cases of 121, seed 20", ""),
        ("tests.chaos", 1, "CHAOS seed=1 duplicates=3 lost=0 stuck=1", "duplicates=3, stuck=1"),
        ("tests.chaos", 2, "CHAOS seed=1 duplicates=0 lost=0 stuck=0", ""),
    ],
)
def test_a_finder_is_read_and_one_that_stumbles_has_found_nothing(command, code, output, found):
    assert finding(command, code, output) == found
