"""Amounts are whole minor units beside a currency. No float comes near money."""

from iso4217 import raw_table

MIN_AMOUNT = 1
# Nine million of the largest payments still fit one account's bigint.
MAX_AMOUNT = 999_999_999_999
# What a column of amounts holds; others may speak of more than we ever ask for.
STORABLE_AMOUNT_MAX = 2**63 - 1

_EXPONENTS = {"0", "2", "3"}


def _supported() -> dict[str, int]:
    """Leave out funds codes with four decimals, metals and codes without a minor unit."""
    return {
        code: int(row["CcyMnrUnts"])
        for code, row in raw_table.items()
        if code and row["CcyMnrUnts"] in _EXPONENTS
    }


CURRENCIES: dict[str, int] = _supported()


def exponent(currency: str) -> int | None:
    """Return how many decimals the currency's minor unit has; None if we do not take it."""
    return CURRENCIES.get(currency)
