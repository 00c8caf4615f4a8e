"""Where a payment stands, by what its operations came to. Pure: no database, no clock.

It is a rank, not a history: whatever is known first, all of it together means one status.
That all of it went back (REFUNDED) is counted, not ranked (``payments.outcomes``).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from payments.operations import Operation, OperationKind, Origin
from payments.states import CaptureMethod, OperationState, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the operations of a payment came to.

    ``ran_out`` says that the charge failed because the payer's time did, ``was_closed`` that the
    payment was cancelled before anything was sent.
    """

    charge: OperationState
    is_manual: bool = False
    is_captured: bool = False
    voided_by: Origin | None = None
    was_closed: bool = False
    ran_out: bool = False
    waits_for_payer: bool = False
    was_begun: bool = True

    @property
    def money_moved(self) -> bool:
        """Tell whether the money was taken: by the charge itself, or by a capture."""
        is_taken = self.charge is OperationState.SUCCEEDED and not self.is_manual
        return is_taken or self.is_captured


def standing(known: Known) -> Status:  # noqa: PLR0911 - the rank, a line for each
    """Return the status of a payment of which this is known; the first that applies wins."""
    if known.money_moved:
        return Status.SUCCESS
    if known.voided_by is Origin.MERCHANT or known.was_closed:
        return Status.CANCELED
    if known.voided_by is Origin.PROVIDER:
        return Status.EXPIRED
    if known.charge is OperationState.FAILED:
        return Status.EXPIRED if known.ran_out else Status.FAILED
    if known.charge is OperationState.SUCCEEDED:
        return Status.AUTHORIZED
    if known.waits_for_payer:
        return Status.REQUIRES_ACTION
    return Status.PROCESSING if known.was_begun else Status.CREATED


def voided_by(family: Iterable[Operation]) -> Origin | None:
    """Return who had the hold let go; the merchant, if both did."""
    origins = {
        one.origin
        for one in family
        if one.kind == OperationKind.VOID and one.state == OperationState.SUCCEEDED
    }
    return min(origins, key=[Origin.MERCHANT, Origin.PROVIDER].index, default=None)


def is_captured(family: Iterable[Operation]) -> bool:
    """Tell whether a capture succeeded."""
    return any(
        one.kind == OperationKind.CAPTURE and one.state == OperationState.SUCCEEDED
        for one in family
    )


def is_manual(capture_method: str) -> bool:
    """Tell whether a charge only has the money held."""
    return capture_method == CaptureMethod.MANUAL
