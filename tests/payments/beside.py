"""What the database refuses a second connection, once it has waited for the first."""

import threading
from collections.abc import Callable

from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from tests.conftest import Database
from tests.money import waiting_for_lock


def refused_beside(
    owner: Connection, database: Database, write: Callable[[Connection], object]
) -> Exception | None:
    """Return how a write is refused that waits for what ``owner`` commits meanwhile."""
    refused: list[Exception] = []

    def begin() -> None:
        other = database.connect(owner=True)
        try:
            write(other)
        except errors.RestrictViolation as error:
            refused.append(error)
        finally:
            other.close()

    writing = threading.Thread(target=begin)
    writing.start()
    waiting_for_lock(database)
    owner.commit()
    writing.join()
    return refused[0] if refused else None
