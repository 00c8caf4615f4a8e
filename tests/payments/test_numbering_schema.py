"""The database refuses, in plain SQL, every number that would be a gap, a swap or a guess."""

from collections.abc import Iterator
from contextlib import closing
from uuid import UUID

import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from core.models import Merchant
from tests.conftest import Database
from tests.payments.numbers import WRITE, a_merchant, number, write

pytestmark = pytest.mark.usefixtures("committed_db")

GIVE = """
    INSERT INTO payments_eventnumber (event_id, merchant_id, mode, number, epoch)
    VALUES (%s, %s, %s, %s, %s)
"""


@pytest.fixture
def plain(committed_db: Database) -> Iterator[Connection]:
    with closing(committed_db.connect()) as other:
        yield other


@pytest.fixture
def merchant() -> Merchant:
    """Make a merchant with two events, of which one has a number."""
    merchant = a_merchant()
    write(merchant)
    number()
    return merchant


def give(
    by: Connection,
    event: UUID,
    merchant: Merchant,
    number: int,
    *,
    mode: str = "test",
    epoch: int = 1,
) -> None:
    with by.cursor() as cursor:
        cursor.execute(GIVE, [str(event), str(merchant.id), mode, number, epoch])


class TestANumber:
    def test_is_the_next_one(self, plain: Connection, merchant: Merchant) -> None:
        event = write(merchant)

        give(plain, event, merchant, 2)

        plain.commit()

    def test_leaves_no_gap(self, plain: Connection, merchant: Merchant) -> None:
        with pytest.raises(errors.RestrictViolation, match="one by one, in order"):
            give(plain, write(merchant), merchant, 3)

    def test_begins_at_one(self, plain: Connection, merchant: Merchant) -> None:
        with pytest.raises(errors.CheckViolation, match="event_number_from_one"):
            give(plain, write(merchant), merchant, 0)

    def test_is_given_once(self, plain: Connection, merchant: Merchant) -> None:
        with pytest.raises(errors.UniqueViolation, match="event_number_once"):
            give(plain, write(merchant), merchant, 1)

    def test_is_the_events_only_one(self, plain: Connection, merchant: Merchant) -> None:
        event = write(merchant)
        give(plain, event, merchant, 2)

        with pytest.raises(errors.UniqueViolation, match="payments_eventnumber_pkey"):
            give(plain, event, merchant, 3)

    def test_is_in_the_events_own_feed(self, plain: Connection, merchant: Merchant) -> None:
        with pytest.raises(errors.RestrictViolation, match="one by one"):
            give(plain, write(merchant), a_merchant(), 1)

    def test_is_of_the_events_own_mode(self, plain: Connection, merchant: Merchant) -> None:
        with pytest.raises(errors.RestrictViolation, match="one by one"):
            give(plain, write(merchant), merchant, 1, mode="live")

    def test_is_behind_those_of_older_transactions(
        self, plain: Connection, merchant: Merchant
    ) -> None:
        older, newer = write(merchant), write(merchant)
        give(plain, newer, merchant, 2)

        with pytest.raises(errors.RestrictViolation, match="in order"):
            give(plain, older, merchant, 3)

    def test_is_of_no_earlier_epoch(self, plain: Connection, merchant: Merchant) -> None:
        with pytest.raises(errors.RestrictViolation, match="in order"):
            give(plain, write(merchant), merchant, 2, epoch=0)

    def test_waits_for_older_transactions(
        self, plain: Connection, merchant: Merchant, committed_db: Database
    ) -> None:
        with closing(committed_db.connect()) as slow:
            write(merchant, by=slow)

            with pytest.raises(errors.RestrictViolation, match="below open transactions"):
                give(plain, write(merchant), merchant, 2)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE payments_eventnumber SET number = 7",
            "DELETE FROM payments_eventnumber",
            "TRUNCATE payments_eventnumber",
            "DELETE FROM payments_numbering",
            "TRUNCATE payments_numbering",
        ],
    )
    def test_is_for_ever_even_to_the_owner(
        self, owner: Connection, merchant: Merchant, statement: str
    ) -> None:
        with owner.cursor() as cursor, pytest.raises(errors.RestrictViolation):
            cursor.execute(statement)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE payments_eventnumber SET number = 7",
            "DELETE FROM payments_eventnumber",
            "DELETE FROM payments_numbering",
            "INSERT INTO payments_numbering VALUES (2, 0, 0, '0', gen_random_uuid())",
        ],
    )
    def test_is_not_the_serving_roles_to_change(self, plain: Connection, statement: str) -> None:
        with plain.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
            cursor.execute(statement)


class TestTheMark:
    @pytest.mark.parametrize(
        "change",
        [
            "xid = '9000000000'",
            "xid = '1'",
            "xid = pg_current_xact_id()",
            "epoch = epoch + 2, xid = '0'",
            "epoch = epoch + 1",
        ],
    )
    def test_goes_forward_to_what_nobody_can_add_to(
        self, plain: Connection, merchant: Merchant, change: str
    ) -> None:
        with plain.cursor() as cursor, pytest.raises(errors.RestrictViolation, match="forward"):
            cursor.execute(f"UPDATE payments_numbering SET {change}")


class TestAnEvent:
    @pytest.mark.parametrize("xid", ["'1'", "NULL", "'9000000000'"])
    def test_has_the_id_of_its_own_transaction(
        self, plain: Connection, merchant: Merchant, xid: str
    ) -> None:
        statement = WRITE.replace("payload)", "payload, xid)").replace("'{}')", f"'{{}}', {xid})")
        values = ["00000000-0000-7000-8000-000000000000", str(merchant.id), "test"]

        with plain.cursor() as cursor, pytest.raises(errors.RestrictViolation, match="has the id"):
            cursor.execute(statement, values)
