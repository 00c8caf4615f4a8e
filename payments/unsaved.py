"""A payment before it has a row.

A create writes its row by a statement of its own, and an object of the ORM costs more to make than
anything else that is done for one. This has the columns that a merchant can fill; a test holds the
others equal to what ``Payment`` has for a new one.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from payments.models import Payment
from payments.states import Status


@dataclass(slots=True, kw_only=True)
class NewPayment:
    """What is asked for, by the names of ``Payment``; amount in minor units."""

    id: UUID
    merchant_id: UUID
    mode: str
    amount: int
    currency: str
    gateway: str
    payment_method: str = ""
    return_url: str = ""
    reference: str = ""
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    status: ClassVar[str] = Status.CREATED.value
    amount_refunded: ClassVar[int] = 0
    failure_code: ClassVar[str] = ""
    failure_message: ClassVar[str] = ""
    outcome_unknown_since: ClassVar[None] = None
    needs_review: ClassVar[bool] = False

    def row(self) -> Payment:
        """Return the same as an unsaved object of the ORM."""
        return Payment(**asdict(self))
