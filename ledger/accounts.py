"""The chart of accounts, and the only place where an account's code is spelled."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal
from uuid import UUID, uuid5

Kind = Literal["asset", "liability", "equity", "income", "expense"]
Owner = Literal["gateway", "bank", "merchant", "platform"]

# Account ids are computed, so every process names the same account without looking it up.
# Changing this value would open every account a second time.
ACCOUNT_IDS = UUID("6f1f3c52-6c54-5bd1-9a3e-0e5a3f0b7c11")

MODES = ("test", "live")

# An account's id is a hash, and the same few are named again and again.
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One kind of account: what it counts, and whose it is."""

    kind: Kind
    owner: Owner

    @property
    def is_debit_normal(self) -> bool:
        """Test whether a debit makes the balance grow."""
        return self.kind in {"asset", "expense"}


CHART: dict[str, ChartLine] = {
    "gateway_receivable": ChartLine("asset", "gateway"),
    "cash": ChartLine("asset", "bank"),
    "disputes_receivable": ChartLine("asset", "gateway"),
    "merchant_receivable": ChartLine("asset", "merchant"),
    "merchant_payable": ChartLine("liability", "merchant"),
    "merchant_reserve": ChartLine("liability", "merchant"),
    "dispute_hold": ChartLine("liability", "merchant"),
    "refunds_clearing": ChartLine("liability", "gateway"),
    "payouts_in_transit": ChartLine("liability", "platform"),
    "tax_payable": ChartLine("liability", "platform"),
    "customer_suspense": ChartLine("liability", "platform"),
    "settlement_suspense": ChartLine("liability", "platform"),
    "fee_income": ChartLine("income", "platform"),
    "fx_gain": ChartLine("income", "platform"),
    "gateway_fee_expense": ChartLine("expense", "platform"),
    "dispute_loss": ChartLine("expense", "platform"),
    "fx_loss": ChartLine("expense", "platform"),
    "rounding": ChartLine("expense", "platform"),
    "fx_clearing": ChartLine("equity", "platform"),
}
PLATFORM_CODES = sorted(code for code, line in CHART.items() if line.owner == "platform")


@dataclass(frozen=True)
class Account:
    """One account: a line of the chart, for one owner, in one currency and one mode."""

    code: str
    owner: str
    currency: str
    mode: str

    def __post_init__(self) -> None:
        if self.code not in CHART:
            message = f"no account {self.code!r} in the chart"
            raise ValueError(message)
        if (CHART[self.code].owner == "platform") != (self.owner == ""):
            message = f"{self.code} belongs to a {CHART[self.code].owner}, not to {self.owner!r}"
            raise ValueError(message)
        if self.mode not in MODES:
            message = f"no mode {self.mode!r}"
            raise ValueError(message)

    @cached_property
    def id(self) -> UUID:
        """Compute the account's id from what it is."""
        return uuid5(ACCOUNT_IDS, f"{self.code}|{self.owner}|{self.currency}|{self.mode}")


@lru_cache(maxsize=MOST_REMEMBERED)
def gateway_receivable(gateway: str, currency: str, mode: str) -> Account:
    """Name what a gateway has captured and not yet settled."""
    return Account("gateway_receivable", gateway, currency, mode)


@lru_cache(maxsize=MOST_REMEMBERED)
def merchant_payable(merchant_id: UUID, currency: str, mode: str) -> Account:
    """Name what we owe a merchant."""
    return Account("merchant_payable", str(merchant_id), currency, mode)


@lru_cache(maxsize=MOST_REMEMBERED)
def refunds_clearing(gateway: str, currency: str, mode: str) -> Account:
    """Name refunds asked of a gateway and not yet confirmed."""
    return Account("refunds_clearing", gateway, currency, mode)


@lru_cache(maxsize=MOST_REMEMBERED)
def disputes_receivable(gateway: str, currency: str, mode: str) -> Account:
    """Name what a gateway took back for disputes that are not decided."""
    return Account("disputes_receivable", gateway, currency, mode)


@lru_cache(maxsize=MOST_REMEMBERED)
def dispute_hold(merchant_id: UUID, currency: str, mode: str) -> Account:
    """Name what a merchant cannot have until disputes are decided."""
    return Account("dispute_hold", str(merchant_id), currency, mode)


@lru_cache(maxsize=MOST_REMEMBERED)
def customer_suspense(currency: str, mode: str) -> Account:
    """Name money at a provider that fits no payment."""
    return Account("customer_suspense", "", currency, mode)
