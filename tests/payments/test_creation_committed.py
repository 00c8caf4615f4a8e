"""A create as other connections see it: all of it, or nothing."""

from typing import Any

import pytest

from core.db import rows
from tests.money import a_shop
from tests.payments.test_creation import everything_written

WITH_XID = (
    "core_idempotencyrecord",
    "payments_payment",
    "payments_event",
    "outbox_message",
    "ledger_transaction",
    "ledger_transfer",
)

pytestmark = pytest.mark.usefixtures("committed_db")


def test_all_rows_of_one_create_carry_one_xid_and_of_two_creates_two():
    shop = a_shop()

    shop.pay()
    shop.pay()

    xids = {table: written_by(table) for table in WITH_XID}
    first = xids["payments_payment"]
    assert len(set(first)) == 2
    assert xids == dict.fromkeys(WITH_XID, first)


def test_a_trigger_that_fails_takes_everything_back_and_the_key_stays_free(owner):
    shop = a_shop()
    with owner, owner.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'broken'; END $$;"
            " CREATE TRIGGER broken BEFORE INSERT ON ledger_transfer"
            " FOR EACH ROW EXECUTE FUNCTION broken()"
        )

    broken = shop.pay(key="again")
    written = {table: found for table, found in everything_written().items() if found}
    with owner, owner.cursor() as cursor:
        cursor.execute("DROP TRIGGER broken ON ledger_transfer")
    repaired = shop.pay(key="again")

    assert broken.status_code == 500
    assert broken["Content-Type"] == "application/problem+json"
    assert written == {}
    assert repaired.status_code == 201
    assert "Idempotency-Replayed" not in repaired


def test_the_answers_times_are_the_rows_own():
    shop = a_shop()

    answer = shop.pay()

    assert shop.get(answer["Location"]).content == answer.content


def written_by(table: str) -> list[Any]:
    return [xid for (xid,) in rows(f"SELECT xid::text FROM {table} ORDER BY xid")]
