"""The life of a payment and of a refund. These tables are the whole of it.

``payments.changes`` is their only reader in Python; a trigger repeats them in the database, and a
test holds the two together.
"""

from collections.abc import Mapping
from typing import Final

from django.db.models import TextChoices


class Status(TextChoices):
    """Where a payment stands."""

    CREATED = "CREATED"  # written down; no provider has heard of it
    PROCESSING = "PROCESSING"  # a provider may have heard of it
    REQUIRES_ACTION = "REQUIRES_ACTION"  # it waits for the payer
    AUTHORIZED = "AUTHORIZED"  # the money is held for us; nothing moved
    SUCCESS = "SUCCESS"  # money moved
    FAILED = "FAILED"  # money did not move, as far as the provider has said
    CANCELED = "CANCELED"  # the merchant let it go: nothing was sent, or nothing is held any more
    EXPIRED = "EXPIRED"  # the provider says that the hold, or the payer's time, ran out
    REFUNDED = "REFUNDED"  # all of it moved back


class RefundStatus(TextChoices):
    """Where a refund stands."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class DisputeStatus(TextChoices):
    """Where a dispute stands."""

    OPEN = "OPEN"  # the provider took the money back, until it is decided
    WON = "WON"  # it gave the money back
    LOST = "LOST"  # the money is gone


class CaptureMethod(TextChoices):
    """When the money of a payment is taken."""

    AUTOMATIC = "automatic"  # with the charge
    MANUAL = "manual"  # later, when the merchant asks: the charge only has it held


class OperationState(TextChoices):
    """What is known of one charge, capture, void or refund."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLOSED = "closed"  # a charge that nobody sent, and nobody will


# What ended without money moving is not the last word: a provider's own later fact may lead on.
MOVES: Final[Mapping[Status, frozenset[Status]]] = {
    Status.CREATED: frozenset({Status.PROCESSING, Status.CANCELED}),
    Status.PROCESSING: frozenset(
        {
            Status.REQUIRES_ACTION,
            Status.AUTHORIZED,
            Status.SUCCESS,
            Status.FAILED,
            Status.CANCELED,
            Status.EXPIRED,
        }
    ),
    Status.REQUIRES_ACTION: frozenset(
        {
            Status.PROCESSING,
            Status.AUTHORIZED,
            Status.SUCCESS,
            Status.FAILED,
            Status.CANCELED,
            Status.EXPIRED,
        }
    ),
    Status.AUTHORIZED: frozenset({Status.SUCCESS, Status.CANCELED, Status.EXPIRED}),
    Status.SUCCESS: frozenset({Status.REFUNDED}),
    Status.FAILED: frozenset({Status.AUTHORIZED, Status.SUCCESS, Status.CANCELED, Status.EXPIRED}),
    Status.CANCELED: frozenset({Status.SUCCESS}),
    Status.EXPIRED: frozenset({Status.AUTHORIZED, Status.SUCCESS, Status.CANCELED}),
    Status.REFUNDED: frozenset(),
}
# Where the books expect nothing any more: what moves after one of these is late.
GIVEN_UP: Final = frozenset({Status.FAILED, Status.CANCELED, Status.EXPIRED})

REFUND_MOVES: Final[Mapping[RefundStatus, frozenset[RefundStatus]]] = {
    RefundStatus.PENDING: frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
    RefundStatus.SUCCEEDED: frozenset(),
    RefundStatus.FAILED: frozenset({RefundStatus.SUCCEEDED}),
}


# WON → LOST: of two ends that are told, the one that leaves us without the money.
DISPUTE_MOVES: Final[Mapping[DisputeStatus, frozenset[DisputeStatus]]] = {
    DisputeStatus.OPEN: frozenset({DisputeStatus.WON, DisputeStatus.LOST}),
    DisputeStatus.WON: frozenset({DisputeStatus.LOST}),
    DisputeStatus.LOST: frozenset(),
}


class IllegalMove(RuntimeError):
    """The code asked for a change of status that the tables do not have."""


def check_move(before: Status, after: Status) -> None:
    """Let a legal change of a payment pass.

    :raises IllegalMove: if it is not in the table
    """
    if after not in MOVES[before]:
        message = f"a payment cannot go from {before} to {after}"
        raise IllegalMove(message)


def check_refund_move(before: RefundStatus, after: RefundStatus) -> None:
    """Let a legal change of a refund pass.

    :raises IllegalMove: if it is not in the table
    """
    if after not in REFUND_MOVES[before]:
        message = f"a refund cannot go from {before} to {after}"
        raise IllegalMove(message)


def check_dispute_move(before: DisputeStatus, after: DisputeStatus) -> None:
    """Let a legal change of a dispute pass.

    :raises IllegalMove: if it is not in the table
    """
    if after not in DISPUTE_MOVES[before]:
        message = f"a dispute cannot go from {before} to {after}"
        raise IllegalMove(message)
