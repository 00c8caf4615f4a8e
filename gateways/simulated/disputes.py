"""What the simulator's disputes mean, in our words."""

from datetime import datetime
from typing import Any

from gateways.base import UnexpectedAnswer
from gateways.disputes import DisputeNotice, DisputeSaid
from gateways.simulated.objects import amount_of, text

_SAID = {"open": DisputeSaid.OPENED, "won": DisputeSaid.WON, "lost": DisputeSaid.LOST}


def is_dispute(content: Any) -> bool:
    """Tell whether an object is a dispute.

    :raises UnexpectedAnswer: if it does not say what it is
    """
    return text(content, "object") == "dispute"


def read(content: Any, *, event_id: str, account: str, occurred_at: datetime) -> DisputeNotice:
    """Return what an event tells of a dispute; ``account`` is the one that has to stand in it.

    :raises UnexpectedAnswer: if it is none that we know
    """
    status, named = text(content, "status"), text(content, "account")
    said = _SAID.get(status)
    if said is None:
        message = f"no dispute that we know: {status}"
        raise UnexpectedAnswer(message)
    return DisputeNotice(
        event_id=event_id,
        said=said,
        provider_id=text(content, "id"),
        charge_reference=text(content, "charge_reference"),
        amount=amount_of(content, "amount"),
        currency=text(content, "currency"),
        occurred_at=occurred_at,
        account="" if named == account else named,
        reason=text(content, "reason"),
        fee=None if content.get("fee") is None else amount_of(content, "fee"),
    )
