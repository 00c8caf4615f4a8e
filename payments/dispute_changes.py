"""The only writer of a dispute's status, as ``payments.changes`` is of a payment's.

Disputes are few: each step is written at once, with its history and event, under the lock of its
payment; a compare-and-set that misses is a bug and rolls everything back.
"""

from uuid import UUID

from core.db import needs_transaction
from payments.changes import Changes, LostUpdate
from payments.disputes import Dispute
from payments.events import TYPES
from payments.models import Event, StatusChange
from payments.representation import dispute_dict
from payments.states import DisputeStatus, check_dispute_move


@needs_transaction
def move(
    dispute: Dispute, after: DisputeStatus, changes: Changes, *, cause: str, cause_id: UUID
) -> None:
    """Change a dispute's status.

    :raises IllegalMove: if the table has no such move
    :raises LostUpdate: if the row changed under our lock
    """
    before, version = DisputeStatus(dispute.status), dispute.version
    check_dispute_move(before, after)
    dispute.status, dispute.version, dispute.decided_at = after, version + 1, changes.now
    found = Dispute.objects.filter(id=dispute.id, version=version)
    if not found.update(status=after, version=dispute.version, decided_at=changes.now):
        raise LostUpdate("dispute")
    changes.add_step(
        StatusChange(
            payment_id=dispute.payment_id,
            dispute=dispute,
            before=before,
            after=after,
            version=dispute.version,
            cause=cause,
            cause_id=cause_id,
        )
    )


@needs_transaction
def complete(dispute: Dispute, *, fee: int | None, reason: str) -> bool:
    """Add what was not said of a dispute so far; tell whether that was its fee."""
    is_fee_new = fee is not None and dispute.fee is None
    if is_fee_new or (reason and not dispute.reason):
        dispute.fee = fee if is_fee_new else dispute.fee
        dispute.reason = dispute.reason or reason
        Dispute.objects.filter(id=dispute.id).update(fee=dispute.fee, reason=dispute.reason)
    return is_fee_new


def tell(name: str, dispute: Dispute, changes: Changes) -> None:
    """Have an event written that shows the dispute as it is now."""
    assert name in TYPES, name  # merchants are told what there is
    changes.add_event(
        Event(
            merchant_id=dispute.merchant_id,
            mode=dispute.mode,
            aggregate_type="dispute",
            aggregate_id=dispute.id,
            type=name,
            version=dispute.version,
            payload=dispute_dict(dispute),
        )
    )
