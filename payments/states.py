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
    SUCCESS = "SUCCESS"  # money moved
    FAILED = "FAILED"  # money did not move, as far as the provider has said
    REFUNDED = "REFUNDED"  # all of it moved back


class RefundStatus(TextChoices):
    """Where a refund stands."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class OperationState(TextChoices):
    """What is known of one charge or refund."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


# FAILED → SUCCESS is the late success: only a provider's own later fact leads there.
MOVES: Final[Mapping[Status, frozenset[Status]]] = {
    Status.CREATED: frozenset({Status.PROCESSING}),
    Status.PROCESSING: frozenset({Status.SUCCESS, Status.FAILED}),
    Status.SUCCESS: frozenset({Status.REFUNDED}),
    Status.FAILED: frozenset({Status.SUCCESS}),
    Status.REFUNDED: frozenset(),
}

REFUND_MOVES: Final[Mapping[RefundStatus, frozenset[RefundStatus]]] = {
    RefundStatus.PENDING: frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
    RefundStatus.SUCCEEDED: frozenset(),
    RefundStatus.FAILED: frozenset({RefundStatus.SUCCEEDED}),
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
