"""What a booking is made of: legs, and the posting that groups them under one reference."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db.models import TextChoices

from ledger.accounts import Account

# Ids of transactions are computed, so a pending one can be resolved without looking it up.
TRANSACTION_IDS = UUID("2a5d7f0e-93c4-5f0b-8d53-4f5b0c6f7a22")

# The largest amount any leg carries: a trillion minor units less one, far below a bigint's end,
# so that no sum of legs can overflow one.
LARGEST_AMOUNT = 999_999_999_999

# A posting is one business fact; twenty legs are more than any fact we book needs.
MOST_LEGS = 20


class Layer(TextChoices):
    """Which book a leg stands in; each balances on its own."""

    PENDING = "pending"
    POSTED = "posted"


# A resolution makes the ids of its mirror legs before it knows how many there are.
MOST_PENDING_LEGS = 4


@dataclass(frozen=True, slots=True)
class Leg:
    """Debit one account and credit another by the same amount: balanced by construction."""

    layer: Layer
    debit: Account
    credit: Account
    amount: int

    def __post_init__(self) -> None:
        if type(self.amount) is not int or not 0 < self.amount <= LARGEST_AMOUNT:
            message = f"a leg's amount is a whole number from 1 to {LARGEST_AMOUNT}"
            raise ValueError(message)
        if self.debit == self.credit:
            message = "a leg needs two different accounts"
            raise ValueError(message)
        ends = (
            (self.debit.currency, self.debit.mode),
            (self.credit.currency, self.credit.mode),
        )
        if ends[0] != ends[1]:
            message = "a leg stays within one currency and one mode"
            raise ValueError(message)


def transaction_id(kind: str, source_id: UUID) -> UUID:
    """Compute the id under which this business fact is, or would be, booked."""
    return uuid5(TRANSACTION_IDS, f"{kind}|{source_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """Everything booked for one business fact, ``(kind, source_id)``."""

    kind: str
    source_id: UUID
    merchant_id: UUID
    mode: str
    legs: tuple[Leg, ...]
    resolves: UUID | None = None
    flags: str = ""
    occurred_at: datetime | None = None

    def __post_init__(self) -> None:
        pending = sum(leg.layer == Layer.PENDING for leg in self.legs)
        refusals = {
            "a posting has legs or resolves something": not self.legs and not self.resolves,
            "a resolution's mirror legs are written for it": self.resolves and pending,
            f"a posting has at most {MOST_LEGS} legs": len(self.legs) > MOST_LEGS,
            f"at most {MOST_PENDING_LEGS} of its legs are pending": pending > MOST_PENDING_LEGS,
            "a posting stays within one mode": any(x.mode != self.mode for x in self.accounts()),
        }
        for message, refused in refusals.items():
            if refused:
                raise ValueError(message)

    @property
    def id(self) -> UUID:
        """Compute the id of the transaction that books it."""
        return transaction_id(self.kind, self.source_id)

    def accounts(self) -> Iterator[Account]:
        """Yield both ends of every leg."""
        for leg in self.legs:
            yield leg.debit
            yield leg.credit
