"""What `manage.py verify` asks of the database. Each room lists its own in ``invariants.py``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """A statement that must return no row.

    ``quiescent`` ones hold only at rest: nothing in flight, no call outstanding.
    """

    name: str
    claim: str
    sql: str
    quiescent: bool = False
