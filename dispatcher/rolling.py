"""Keeps the snapshots of the books near their end (ADR 0012): for speed, not for exactness."""

from dispatcher.paced import Paced
from ledger import rollup

# What a balance has to read besides its snapshot is about what was booked in this time.
EVERY_SECONDS = 1.0
# Nothing is lost meanwhile, and dispatching has to go on.
FAILURE_PAUSE_SECONDS = 10.0


class RollUp(Paced):
    """Adds blocks of transactions."""

    def __init__(self, most: int = rollup.BLOCK_TRANSACTIONS) -> None:
        super().__init__(
            "balances.rollup",
            most=most,
            every_seconds=EVERY_SECONDS,
            pause_seconds=FAILURE_PAUSE_SECONDS,
        )

    def work(self, most: int) -> int:
        """Add a block; return how many transactions are in it."""
        return rollup.add_block(most) or 0
