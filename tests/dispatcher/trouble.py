"""A database that fails now and then: real errors, raised by triggers of the owner."""

from tests.conftest import Database
from tests.money import owning

LOCK_TIMEOUT = "55P03"
SHUTDOWN = "57P01"
BUG = "23514"


def make_trouble(
    database: Database, event: str, table: str, *, code: str = LOCK_TIMEOUT, times: int = 1
) -> None:
    """Have the first so many writes of this kind fail; a sequence counts through rollbacks."""
    with owning(database) as cursor:
        cursor.execute(
            "CREATE SEQUENCE trouble;"
            " GRANT USAGE ON SEQUENCE trouble TO PUBLIC;"
            " CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('trouble') <= {times} THEN"
            f" RAISE EXCEPTION 'trouble' USING ERRCODE = '{code}'; END IF;"
            " RETURN NEW; END $$;"
            f" CREATE TRIGGER trouble BEFORE {event} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION trouble()"
        )
