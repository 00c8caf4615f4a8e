"""The short statement for a posting of one leg, held against the one for any posting."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.caches import forget
from core.db import rows, transaction
from ledger import books, sql
from ledger.books import Posting
from tests.ledger.sample import Sale

pytestmark = pytest.mark.django_db

HEADER = """
    SELECT kind, resolves_id, flags, mode, merchant_id, occurred_at = recorded_at
    FROM ledger_transaction WHERE id = %s
"""
LEGS = """
    SELECT layer, debit_account_id, credit_account_id, currency, mode, amount, reversal
    FROM ledger_transfer WHERE transaction_id = %s
"""


def booked(posting: Posting) -> tuple[list[Any], list[Any]]:
    return rows(HEADER, [posting.id]), rows(LEGS, [posting.id])


def book_shortly(posting: Posting, guard: str = "SELECT") -> list[Any]:
    statement = f"WITH go AS ({guard}), {sql.ctes_of_one('go')} SELECT id FROM ledger_headers"
    return rows(statement, sql.params_of_one(posting))


@pytest.fixture
def sale() -> Sale:
    """Return a sale whose accounts are known to be there."""
    sale = Sale()
    forget()
    with transaction():
        books.book(sale.created())
    sql.known_accounts.update(account.id for account in sale.created().accounts())
    return sale


def test_it_writes_what_the_long_statement_writes(sale: Sale) -> None:
    again = Sale(merchant_id=sale.merchant_id)

    assert sql.is_simple(again.created())
    assert book_shortly(again.created()) == [(again.created().id,)]
    assert booked(again.created()) == booked(sale.created())


def test_it_writes_nothing_if_the_guard_has_no_row_or_the_fact_was_booked(sale: Sale) -> None:
    again = Sale(merchant_id=sale.merchant_id)

    assert book_shortly(again.created(), "SELECT WHERE false") == []
    assert booked(again.created()) == ([], [])
    assert book_shortly(sale.created()) == []
    assert len(booked(sale.created())[1]) == 1


def test_it_is_not_for_accounts_that_may_be_missing(sale: Sale) -> None:
    assert not sql.is_simple(Sale().created())
    forget()
    assert not sql.is_simple(sale.created())


def test_it_is_not_for_more_legs_a_resolution_or_a_time_of_its_own(sale: Sale) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)

    assert not sql.is_simple(sale.posting("both", sale.expected, sale.taken))
    assert not sql.is_simple(sale.captured())
    assert not sql.is_simple(sale.failed())
    assert not sql.is_simple(replace(sale.created(), occurred_at=moment))
