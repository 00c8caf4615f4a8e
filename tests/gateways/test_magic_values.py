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


@pytest.mark.parametrize(
    ("section", "scripts"), [("Payments", tokens.CHARGES), ("Refunds", tokens.REFUNDS)]
)
def test_the_page_lists_exactly_the_values_there_are(section, scripts):
    assert sorted(rows(section)) == sorted(scripts)


def test_no_value_means_two_things():
    assert tokens.CHARGES.keys().isdisjoint(tokens.REFUNDS)


@pytest.mark.parametrize(("value", "script"), [*tokens.CHARGES.items(), *tokens.REFUNDS.items()])
def test_the_page_names_the_code_of_every_decline(value, script):
    sentence = {**rows("Payments"), **rows("Refunds")}[value]
    code = script.due_code or script.code
    is_plain_decline = OutcomeKind.DECLINED in {script.status, script.due_status}

    assert not is_plain_decline or value == "tok_late_success" or f"`{code}`" in sentence


def test_the_waits_on_the_page_are_the_waits_of_the_mocks():
    said = rows("Payments")

    assert f"after {tokens.PENDING_SECONDS:.0f} s" in said["tok_pending_success"]
    assert f"{tokens.LATE_SECONDS:.0f} s later" in said["tok_late_success"]
    assert f"after {tokens.SLOW_SECONDS:.0f} s" in said["tok_slow"]
    assert f"for {tokens.HIDDEN_SECONDS:.0f} s" in said["tok_find_lags"]
