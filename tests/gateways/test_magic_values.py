"""What merchants read about magic values is what the mocks do."""

import re
from pathlib import Path

import pytest

from gateways.base import OutcomeKind
from gateways.mocks import tokens

PAGE = Path(__file__).parents[2] / "docs" / "merchants" / "testing.md"


def rows(section: str) -> dict[str, str]:
    text = PAGE.read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(tok_\w+)` \| (.+) \|$", text, re.MULTILINE))


SECTIONS = {
    "Payments": tokens.CHARGES,
    "Captures": tokens.CAPTURES,
    "Cancellations": tokens.VOIDS,
    "Refunds": tokens.REFUNDS,
    "Disputes": tokens.DISPUTES,
}
ALL = {value: script for scripts in SECTIONS.values() for value, script in scripts.items()}


@pytest.mark.parametrize(("section", "scripts"), SECTIONS.items())
def test_the_page_lists_exactly_the_values_there_are(section, scripts):
    assert sorted(rows(section)) == sorted(scripts)


def test_no_value_means_two_things():
    assert len(ALL) == sum(map(len, SECTIONS.values()))


@pytest.mark.parametrize(("value", "script"), ALL.items())
def test_the_page_names_the_code_of_every_decline(value, script):
    sentence = {name: said for section in SECTIONS for name, said in rows(section).items()}[value]
    code = script.due_code or script.code
    is_plain_decline = OutcomeKind.DECLINED in {script.status, script.due_status}

    assert not is_plain_decline or value == "tok_late_success" or f"`{code}`" in sentence


def test_the_waits_on_the_page_are_the_waits_of_the_mocks():
    said = rows("Payments")

    assert f"after {tokens.PENDING_SECONDS:.0f} s" in said["tok_pending_success"]
    assert f"{tokens.LATE_SECONDS:.0f} s later" in said["tok_late_success"]
    assert f"after {tokens.SLOW_SECONDS:.0f} s" in said["tok_slow"]
    assert f"for {tokens.HIDDEN_SECONDS:.0f} s" in said["tok_find_lags"]
    assert f"after {tokens.HELD_SECONDS:.0f} s" in said["tok_authorization_expires"]
    for sentence in rows("Disputes").values():
        assert f"after {tokens.DISPUTE_SECONDS:.0f} s" in sentence
