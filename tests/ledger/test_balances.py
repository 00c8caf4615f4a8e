"""What a merchant is owed: expected, and available."""

from uuid import uuid4

import pytest

from core.db import transaction
from ledger import books
from ledger.books import Balance, Layer, Leg, Posting
from tests.ledger.sample import Sale

pytestmark = pytest.mark.django_db


def book(*postings: Posting) -> None:
    with transaction():
        for posting in postings:
            books.book(posting)


class TestBalances:
    def test_of_a_merchant_without_bookings_are_empty(self) -> None:
        assert books.balances(uuid4(), "test") == []

    def test_show_an_expected_payment_as_pending(self) -> None:
        sale = Sale()
        book(sale.created())

        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 1_000, 0)]

    def test_show_a_captured_payment_as_available(self) -> None:
        sale = Sale()
        book(sale.created(), sale.captured())

        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 1_000)]

    def test_show_a_failed_payment_as_nothing(self) -> None:
        sale = Sale()
        book(sale.created(), sale.failed())

        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 0)]

    def test_take_a_refund_away_as_soon_as_it_is_asked(self) -> None:
        sale = Sale()
        book(sale.created(), sale.captured(), sale.refunded(300))

        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 700)]

    def test_go_below_zero_when_a_merchant_owes_us(self) -> None:
        sale = Sale()
        book(sale.refunded(300))

        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, -300)]

    def test_hold_a_pending_debit_back_until_it_is_resolved(self) -> None:
        sale = Sale()
        out = Leg(Layer.PENDING, sale.payable, sale.clearing, 400)
        leaving = sale.posting("leaving", out)
        book(sale.created(), sale.captured(), leaving)

        held = books.balances(sale.merchant_id, "test")
        book(sale.posting("stayed", resolves=leaving.id))
        released = books.balances(sale.merchant_id, "test")

        assert held == [Balance("INR", 0, 600)]
        assert released == [Balance("INR", 0, 1_000)]

    def test_keep_currencies_modes_and_merchants_apart(self) -> None:
        sale = Sale()
        euros = Sale(currency="EUR", merchant_id=sale.merchant_id, amount=7)
        live = Sale(mode="live", merchant_id=sale.merchant_id, amount=9)
        book(sale.created(), euros.created(), live.created(), Sale().created())

        test_mode = books.balances(sale.merchant_id, "test")
        live_mode = books.balances(sale.merchant_id, "live")

        assert test_mode == [Balance("EUR", 7, 0), Balance("INR", 1_000, 0)]
        assert live_mode == [Balance("INR", 9, 0)]

    def test_are_exact_beyond_what_a_float_can_hold(self) -> None:
        big = Sale(amount=999_999_999_999)
        legs = [big.taken] * 20
        postings = [
            Posting(kind=f"k{i}", source_id=uuid4(), merchant_id=big.merchant_id, mode="test",
                    legs=tuple(legs))
            for i in range(500)
        ]  # fmt: skip
        book(*postings)

        assert books.balances(big.merchant_id, "test") == [
            Balance("INR", 0, 999_999_999_999 * 20 * 500)
        ]

    def test_of_one_account_are_positive_on_its_normal_side(self) -> None:
        sale = Sale(gateway=f"mock-{uuid4()}")
        book(sale.created(), sale.captured())

        assert books.balance(sale.receivable, Layer.POSTED) == 1_000
        assert books.balance(sale.payable, Layer.POSTED) == 1_000
        assert books.balance(sale.receivable, Layer.PENDING) == 0
        assert books.balance(sale.clearing, Layer.POSTED) == 0
