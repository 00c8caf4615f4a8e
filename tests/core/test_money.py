import pytest

from core.money import CURRENCIES, MAX_AMOUNT, exponent


@pytest.mark.parametrize(
    ("currency", "decimals"), [("INR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("BHD", 3)]
)
def test_a_currency_has_its_minor_unit(currency, decimals):
    assert exponent(currency) == decimals


@pytest.mark.parametrize(
    "currency", ["CLF", "UYW", "XAU", "XXX", "XTS", "XDR", "inr", "Inr", "ZZZ", "", "INR "]
)
def test_what_has_no_usual_minor_unit_is_not_supported(currency):
    assert exponent(currency) is None


def test_most_of_the_world_can_pay():
    assert len(CURRENCIES) > 140


def test_nine_million_of_the_largest_payments_fit_one_account():
    assert 9_000_000 * MAX_AMOUNT < 2**63
