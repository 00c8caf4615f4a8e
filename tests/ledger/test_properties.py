"""Whatever is booked, in whatever order: the books balance."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.db.transaction import set_rollback
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.db import rows, savepoint, transaction
from ledger import books
from ledger.books import Balance, BookingRefused, Posting
from ledger.invariants import INVARIANTS
from tests.ledger.sample import Sale

# Each example is a transaction of its own: one around them all would outlive transaction_timeout.
pytestmark = pytest.mark.usefixtures("committed_db")

MERCHANTS = [UUID(int=n) for n in (1, 2)]
# What each step adds to a merchant's balances, in units of the sale's amount.
PENDING = {"created": 1, "captured": -1, "failed": -1, "refunded": 0}
AVAILABLE = {"created": 0, "captured": 1, "failed": 0, "refunded": -1}

sales = st.builds(
    Sale,
    amount=st.integers(1, 999_999_999_999),
    currency=st.sampled_from(["INR", "JPY", "KWD"]),
    mode=st.sampled_from(["test", "live"]),
    merchant_id=st.sampled_from(MERCHANTS),
    payment_id=st.integers(0, 5).map(lambda n: UUID(int=n)),
)
histories = st.lists(st.tuples(sales, st.sampled_from(sorted(PENDING))), max_size=12)


def posting(sale: Sale, step: str) -> Posting:
    return sale.refunded(sale.amount) if step == "refunded" else getattr(sale, step)()


def book_all(history: list[tuple[Sale, str]]) -> Iterator[tuple[Sale, str]]:
    """Book what may be booked, and yield that."""
    for sale, step in history:
        try:
            with savepoint():
                if books.book(posting(sale, step)):
                    yield sale, step
        except BookingRefused:
            continue


def place(sale: Sale) -> tuple[UUID, str, str]:
    return sale.merchant_id, sale.mode, sale.currency


def expected_balances(booked: list[tuple[Sale, str]]) -> dict[tuple[UUID, str, str], list[int]]:
    # A capture may differ from what was expected; what was expected is taken back all the same.
    created = {sale.payment_id: sale for sale, step in booked if step == "created"}
    balances: dict[tuple[UUID, str, str], list[int]] = {}
    for sale, step in booked:
        was = created.get(sale.payment_id, sale)
        balances.setdefault(place(was), [0, 0])[0] += was.amount * PENDING[step]
        balances.setdefault(place(sale), [0, 0])[1] += sale.amount * AVAILABLE[step]
    return balances


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=histories)
def test_any_history_leaves_the_books_balanced(history: list[tuple[Sale, str]]) -> None:
    with transaction():
        booked = list(book_all(history))
        broken = {i.name: found for i in INVARIANTS if (found := rows(i.sql))}
        sums = rows(
            "SELECT currency, mode, layer, sum(amount) FROM ledger_entries GROUP BY 1, 2, 3"
        )
        balances = {
            (merchant, mode): without_zeros(books.balances(merchant, mode))
            for merchant in MERCHANTS
            for mode in ("test", "live")
        }
        set_rollback(True)

    assert broken == {}
    assert {total for *_, total in sums} <= {0}
    assert balances == as_balances(expected_balances(booked))


def without_zeros(balances: list[Balance]) -> list[Balance]:
    return [balance for balance in balances if balance.pending or balance.available]


def as_balances(
    expected: dict[tuple[UUID, str, str], list[int]],
) -> dict[tuple[UUID, str], list[Balance]]:
    return {
        (merchant, mode): without_zeros(
            [
                Balance(currency, *figures)
                for (whose, where, currency), figures in sorted(expected.items())
                if (whose, where) == (merchant, mode)
            ]
        )
        for merchant in MERCHANTS
        for mode in ("test", "live")
    }
