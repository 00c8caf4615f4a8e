"""What providers say of disputes: money that a payer's bank took back, for now or for good."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DisputeSaid(StrEnum):
    """Everything a provider can have said of a dispute."""

    OPENED = "opened"  # it took the money back, until this is decided
    WON = "won"  # it gave the money back to us
    LOST = "lost"  # the money is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeNotice:
    """A provider's webhook about a dispute, verified, in our words.

    ``charge_reference`` is what we sent as ours with the disputed charge, ``fee`` what the provider
    takes for the dispute itself, if it says so, in the same currency.
    """

    event_id: str
    said: DisputeSaid
    provider_id: str
    charge_reference: str
    amount: int
    currency: str
    occurred_at: datetime
    account: str = ""
    reason: str = ""
    fee: int | None = None
