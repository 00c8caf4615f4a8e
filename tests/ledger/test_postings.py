"""What cannot even be said: accounts, legs and postings that make no sense."""

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from ledger.accounts import CHART, Account, customer_suspense, merchant_payable
from ledger.books import Layer, Leg, transaction_id
from ledger.legs import LARGEST_AMOUNT, MOST_LEGS, MOST_PENDING_LEGS
from tests.ledger.sample import Sale

SALE = Sale()


class TestAnAccount:
    def test_has_the_same_id_wherever_it_is_named(self) -> None:
        merchant = uuid4()

        first = merchant_payable(merchant, "INR", "test")
        again = Account("merchant_payable", str(merchant), "INR", "test")

        assert first == again
        assert first.id == again.id

    @pytest.mark.parametrize(
        "other",
        [
            replace(SALE.payable, owner=str(uuid4())),
            replace(SALE.payable, code="merchant_reserve"),
            replace(SALE.payable, currency="EUR"),
            replace(SALE.payable, mode="live"),
        ],
    )
    def test_is_another_when_any_part_differs(self, other: Account) -> None:
        assert other.id != SALE.payable.id

    @pytest.mark.parametrize(
        "parts",
        [
            ("petty_cash", "", "INR", "test"),
            ("merchant_payable", "", "INR", "test"),
            ("fee_income", "somebody", "INR", "test"),
            ("fee_income", "", "INR", "staging"),
        ],
    )
    def test_outside_the_chart_is_refused(self, parts: tuple[str, str, str, str]) -> None:
        with pytest.raises(ValueError, match=r"chart|belongs|mode"):
            Account(*parts)

    def test_of_the_platform_has_no_owner(self) -> None:
        assert customer_suspense("INR", "test").owner == ""

    def test_grows_by_debits_only_for_assets_and_expenses(self) -> None:
        debit_normal = {line.kind for line in CHART.values() if line.is_debit_normal}

        assert debit_normal == {"asset", "expense"}


class TestALeg:
    @pytest.mark.parametrize("amount", [0, -1, LARGEST_AMOUNT + 1, True, 1.0])
    def test_needs_a_whole_amount_in_range(self, amount: int) -> None:
        with pytest.raises(ValueError, match="whole number"):
            Leg(Layer.POSTED, SALE.receivable, SALE.payable, amount)

    def test_needs_two_accounts(self) -> None:
        with pytest.raises(ValueError, match="two different"):
            Leg(Layer.POSTED, SALE.payable, SALE.payable, 1)

    @pytest.mark.parametrize("change", [{"currency": "EUR"}, {"mode": "live"}])
    def test_crosses_neither_currency_nor_mode(self, change: dict[str, str]) -> None:
        other = replace(SALE.payable, **change)

        with pytest.raises(ValueError, match="one currency and one mode"):
            Leg(Layer.POSTED, SALE.receivable, other, 1)


class TestAPosting:
    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda: SALE.posting("k"), "legs"),
            (lambda: SALE.posting("k", *[SALE.taken] * (MOST_LEGS + 1)), "legs"),
            (lambda: SALE.posting("k", SALE.expected, resolves=uuid4()), "mirror"),
            (lambda: SALE.posting("k", *[SALE.expected] * (MOST_PENDING_LEGS + 1)), "pending"),
            (lambda: SALE.posting("k", Sale(mode="live").taken), "one mode"),
        ],
        ids=[
            "no legs",
            "too many legs",
            "a resolution with pending legs",
            "too many pending legs",
            "legs of another mode",
        ],
    )
    def test_that_makes_no_sense_is_refused(self, make: Callable[[], object], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            make()

    def test_knows_its_transaction_before_it_is_booked(self) -> None:
        assert SALE.created().id == transaction_id("created", SALE.payment_id)
        assert SALE.created().id != transaction_id("captured", SALE.payment_id)
