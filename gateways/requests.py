"""What a gateway is asked, as plain values. ``key`` belongs to the operation, never the attempt.

Amounts are integers in minor units beside their ISO 4217 currency.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Kind = Literal["charge", "capture", "void", "refund"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Take money, or have it held for us if this does not capture."""

    operation_id: UUID
    key: str
    amount: int
    currency: str
    payment_method: str = ""
    description: str = ""
    captures: bool = True
    return_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Take what a charge had held for us, or a part of it, once."""

    operation_id: UUID
    key: str
    amount: int
    currency: str
    charge_operation_id: UUID
    charge_provider_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    """Let go of a charge that took nothing yet: it is held for us, or waits for the payer."""

    operation_id: UUID
    key: str
    amount: int
    currency: str
    charge_operation_id: UUID
    charge_provider_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Give money back for a charge."""

    operation_id: UUID
    key: str
    amount: int
    currency: str
    charge_operation_id: UUID
    charge_provider_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Ask how an operation stands. It never acts.

    It was sent between ``sent_from`` and ``sent_to``, for providers that can only list a time.
    ``charge_operation_id`` is what a refund gives back, what a capture takes or a void lets go.
    """

    operation_id: UUID
    kind: Kind
    key: str
    amount: int
    currency: str
    sent_from: datetime | None = None
    sent_to: datetime | None = None
    charge_operation_id: UUID | None = None


Send = Charge | Capture | Void | Refund
