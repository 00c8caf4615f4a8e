"""The page about a payment's life says what the code does."""

import re
from pathlib import Path

import pytest

from core.db import transaction
from core.errors import Problem
from payments.canceling import ask_cancel
from payments.holds import ask_capture
from payments.models import Payment
from payments.refunding import ask_refund
from payments.states import MOVES, Status
from tests.money import a_shop
from tests.payments.holding import held

PAGE = (Path(__file__).parents[2] / "docs" / "payment-life.md").read_text(encoding="utf-8")
TABLE = {
    row[0]: row[1:]
    for row in re.findall(r"^\| ([A-Z_]+) \| .+ \| (.+) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
}


def test_the_diagram_has_exactly_the_moves_there_are():
    drawn = re.findall(r"^    ([A-Z_]+) --> ([A-Z_]+)$", PAGE, re.MULTILINE)

    assert len(drawn) == len(set(drawn))
    assert set(drawn) == {(a, b) for a, ends in MOVES.items() for b in ends}
    assert re.findall(r"\[\*\] --> (\w+)", PAGE) == ["CREATED"]
    assert re.findall(r"(\w+) --> \[\*\]", PAGE) == [a for a, ends in MOVES.items() if not ends]


def test_the_table_has_every_status():
    assert list(TABLE) == [str(status) for status in Status]


def standing_as(status: Status) -> Payment:
    """Return a payment that has this status in memory; what it allows is asked of nobody else."""
    is_unsent = status in {Status.CREATED, Status.PROCESSING}
    payment = a_shop().accepted(gateway="mock", capture_method="manual") if is_unsent else held()
    payment.status = status
    payment.amount_captured = 1_000 if status in {Status.SUCCESS, Status.REFUNDED} else 0
    if status == Status.REFUNDED:
        payment.amount_refund_held = 1_000
    return payment


def is_allowed(ask: object, *args: object, **given: object) -> bool:
    assert callable(ask)
    try:
        ask(*args, **given)
    except Problem as problem:
        if problem.slug != "invalid-state":
            raise
        return False
    return True


ASKED = {
    0: lambda payment: is_allowed(ask_capture, payment, amount=None, trace=""),
    1: lambda payment: is_allowed(ask_cancel, payment, trace=""),
    2: lambda payment: is_allowed(ask_refund, payment, amount=1, reason="", trace=""),
}


@pytest.mark.django_db
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("column", ASKED)
def test_each_status_allows_what_the_table_says(status, column):
    said = TABLE[status][column]
    payment = standing_as(status)
    if (status, column) == (Status.SUCCESS, 2):
        payment = a_shop().sold()

    with transaction():
        assert ASKED[column](payment) == (said != "no")
