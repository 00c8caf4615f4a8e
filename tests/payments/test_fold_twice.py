"""The fold is written twice, in Python and in SQL: they say the same of every set of facts."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from payments.fact_invariants import FOLD
from payments.facts import NOBODY_CAN_SEND, Fact, Meaning, Said, Verdict, fold
from tests.payments.planting import (
    plant_attempt,
    plant_notice,
    plant_operation,
    plant_payment,
)

AMOUNT, CURRENCY = 1_000, "INR"
STATES = {Meaning.SUCCEEDED: "succeeded", Meaning.FAILED: "failed"}
PLACES = {"open": "PROCESSING", "succeeded": "SUCCESS", "failed": "FAILED"}
LONG_AGO = "2020-01-01"


class Told(NamedTuple):
    """One row about an operation: an attempt's, or a webhook's where ``kind`` is empty."""

    kind: str
    said: Said
    amount: int | None = None
    code: str = ""
    account: str = ""


def rows_of(kind: str, *said: Said) -> list[Told]:
    return [Told(kind, one) for one in said]


YES = [Told(kind, Said.SUCCEEDED, amount) for kind in ("send", "ask", "") for amount in (1_000, 9)]
NO = [Told(kind, Said.DECLINED, amount) for kind in ("send", "") for amount in (None, 1_000, 9)]
SILENT = rows_of("send", Said.NOTHING_YET, Said.UNKNOWN)
OTHER = [
    *rows_of("send", Said.PENDING, Said.NOT_SENT),
    *rows_of("ask", Said.UNKNOWN, Said.NOTHING_YET, Said.NOT_FOUND, Said.PENDING),
    Told("ask", Said.NOT_FOUND, code=NOBODY_CAN_SEND),
]
ELSEWHERE = [
    Told(kind, said, 1_000, account="acct_x")
    for kind in ("send", "ask", "")
    for said in (Said.SUCCEEDED, Said.DECLINED, Said.PENDING)
]
told = st.lists(st.sampled_from([*YES, *NO, *SILENT, *OTHER, *ELSEWHERE]), max_size=4)
states = st.sampled_from(["open", "succeeded", "failed"])


def meant(facts: Iterable[Told]) -> Verdict:
    said = [
        Fact(
            one.said,
            is_send=one.kind == "send",
            is_notice=not one.kind,
            amount=one.amount,
            currency=CURRENCY if one.amount else "",
            code=one.code,
            account=one.account,
        )
        for one in facts
    ]
    return fold(said, amount=AMOUNT, currency=CURRENCY)


def plant(owner: Connection, facts: Iterable[Told], state: str, *, reviewed: bool) -> UUID:
    payment_id = plant_payment(owner, PLACES[state], needs_review=reviewed, review_reason="x")
    settled_at = None if state == "open" else LONG_AGO
    operation_id = plant_operation(owner, payment_id, state=state, settled_at=settled_at)
    for one in facts:
        said: dict[str, Any] = {
            "outcome": one.said.value,
            "amount": one.amount,
            "currency": CURRENCY if one.amount else "",
            "code": one.code,
            "account": one.account,
        }
        if one.kind:
            answered_at = LONG_AGO if one.said else None
            plant_attempt(owner, operation_id, kind=one.kind, answered_at=answered_at, **said)
        else:
            plant_notice(owner, operation_id, recorded_at=LONG_AGO, **said)
    return UUID(operation_id)


def broken(owner: Connection, facts: Iterable[Told], state: str, *, reviewed: bool) -> set[str]:
    """Return which invariants find an operation that stands so with these facts."""
    with owner.cursor() as cursor:
        cursor.execute("SAVEPOINT planting")
        operation_id = plant(owner, facts, state, reviewed=reviewed)
        found = set()
        for invariant in FOLD:
            cursor.execute(invariant.sql)
            if str(operation_id) in {str(row[0]) for row in cursor.fetchall()}:
                found.add(invariant.name)
        cursor.execute("ROLLBACK TO SAVEPOINT planting")
    return found


bounded = hypothesis_settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@bounded
@given(facts=told)
def test_what_the_facts_mean_breaks_nothing(owner: Connection, facts: list[Told]) -> None:
    verdict = meant(facts)

    state = STATES.get(verdict.meaning, "open")

    assert broken(owner, facts, state, reviewed=bool(verdict.review)) == set()


@bounded
@given(facts=told, state=states)
def test_what_the_facts_do_not_mean_is_found(
    owner: Connection, facts: list[Told], state: str
) -> None:
    verdict = meant(facts)
    expected = STATES.get(verdict.meaning, "open")
    is_wrong = {
        "open": expected != "open",
        "succeeded": expected != "succeeded",
        # Facts that came later may leave a failure standing, but not without any no.
        "failed": expected == "succeeded" or not any(_is_no(one) for one in facts),
    }[state]

    assert bool(broken(owner, facts, state, reviewed=True)) == is_wrong


def _is_no(one: Told) -> bool:
    return meant([one]).meaning is Meaning.FAILED


STRANGE = {
    "money that moved": [Told("send", Said.SUCCEEDED, 9)],
    "money that did not": [Told("", Said.DECLINED, 9)],
    "a no to a send": [Told("send", Said.DECLINED, 9)],
    "money from elsewhere": [Told("ask", Said.SUCCEEDED, 1_000, account="acct_x")],
    "a pending one elsewhere": [Told("send", Said.PENDING, account="acct_x")],
}


@pytest.mark.parametrize("facts", STRANGE.values(), ids=STRANGE)
def test_other_money_without_a_person_is_found(owner: Connection, facts: list[Told]) -> None:
    assert broken(owner, facts, "open", reviewed=False) == {"payments-strange-money-is-reviewed"}
    assert broken(owner, facts, "open", reviewed=True) == set()


FAILED_WITHOUT = {
    "anything": [],
    "a no to this money": [Told("send", Said.DECLINED, 9)],
    "an end of sending": [Told("ask", Said.NOT_FOUND)],
    "a no from our account": [Told("send", Said.DECLINED, account="acct_x")],
}


@pytest.mark.parametrize("facts", FAILED_WITHOUT.values(), ids=FAILED_WITHOUT)
def test_a_failure_without_it_is_found(owner: Connection, facts: list[Told]) -> None:
    assert broken(owner, facts, "failed", reviewed=True) == {"payments-failure-has-its-fact"}


NOT_APPLIED = {"payments-facts-are-applied", "payments-at-rest-facts-are-applied"}


def test_a_webhooks_no_waits_only_for_a_send_in_doubt(owner: Connection) -> None:
    no = Told("", Said.DECLINED)
    doubt = [[no, silent] for silent in SILENT]

    assert broken(owner, [no], "open", reviewed=False) == NOT_APPLIED
    assert [broken(owner, facts, "open", reviewed=False) for facts in doubt] == [set(), set()]
