"""Asks everything that only somebody outside can see."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from core.invariants import Invariant
from tests.outside import gathering, merchant_claims, provider_claims

EXAMPLES_MAX = 20
CLAIMS: list[Invariant] = [*provider_claims.CLAIMS, *merchant_claims.CLAIMS]


@dataclass(frozen=True, slots=True)
class Violation:
    """A claim that does not hold, and the first rows that show it."""

    name: str
    claim: str
    count: int
    rows: list[dict[str, Any]]

    def __str__(self) -> str:
        head = f"{self.name}: {self.count} rows against: {self.claim}"
        return "\n".join([head, *(f"    {row}" for row in self.rows)])


def check(owner_url: str, simulator_db: Path, journal: Path, *, at_rest: bool) -> list[Violation]:
    """Return what does not hold; ``at_rest`` adds what holds only when all work is done."""
    # Read before our own books are: what is promised or moved by then must be in them.
    tables = [*gathering.of_journal(journal), *gathering.of_simulator(simulator_db)]
    with closing(psycopg2.connect(owner_url)) as connection:
        return ask(connection, tables, at_rest=at_rest)


def ask(
    connection: Connection, tables: Sequence[gathering.Table], *, at_rest: bool
) -> list[Violation]:
    """Ask in the connection's transaction, and leave nothing behind."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT outside")
        gathering.make(cursor, tables)
        found = [
            violation
            for one in CLAIMS
            if (at_rest or not one.quiescent) and (violation := _broken(cursor, one))
        ]
        cursor.execute("ROLLBACK TO SAVEPOINT outside")
    return found


def _broken(cursor: Any, claim: Invariant) -> Violation | None:
    cursor.execute(
        f"SELECT count(*) OVER (), broken.* FROM ({claim.sql}) AS broken LIMIT {EXAMPLES_MAX}"
    )
    names = [column.name for column in cursor.description]
    found = cursor.fetchall()
    if not found:
        return None
    rows = [dict(zip(names[1:], row[1:], strict=True)) for row in found]
    return Violation(claim.name, claim.claim, found[0][0], rows)
