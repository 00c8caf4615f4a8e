"""A database in which references were taken twice: the upgrade says so, and changes nothing."""

import pytest

from core.db import rows
from tests.config.commanding import manage
from tests.conftest import Database
from tests.money import Shop, a_shop, owning
from tests.payments.test_references import insert

BEFORE, AFTER = "0006_other_accounts", "0007_references_name_one_payment"


@pytest.fixture
def older(committed_db: Database) -> Database:
    """Give a database of the release before, in which nobody minded."""
    done = manage("migrate", "payments", BEFORE, "--verbosity=0")
    assert done.returncode == 0, done.stderr
    return committed_db


def take(database: Database, shop: Shop, *references: str) -> None:
    with owning(database) as cursor:
        for reference in references:
            insert(cursor, shop, reference)


def applied() -> list[str]:
    found = rows("SELECT name FROM django_migrations WHERE app = 'payments' AND name > '0006'")
    return sorted(name for (name,) in found if not name.startswith("0006"))


def indexes() -> list[str]:
    sql = "SELECT indexname FROM pg_indexes WHERE tablename LIKE 'payments\\_%' ORDER BY 1"
    return [name for (name,) in rows(sql)]


def test_references_that_are_taken_twice_stop_it(older: Database):
    shop, other = a_shop(), a_shop(mode="live")
    take(older, shop, "order 7", "order 7", "order 7", "order 8", "", "")
    take(older, other, "order 7", "order 9", "order 9")
    before = indexes(), rows("SELECT id, reference FROM payments_payment ORDER BY id")

    done = manage("migrate", "payments")

    assert done.returncode == 1
    assert "2 references have more than one payment each" in done.stderr
    assert str(shop.merchant.id) in done.stderr
    assert str(other.merchant.id) in done.stderr
    assert "Traceback" not in done.stderr
    assert "order 7" not in done.stderr
    assert (indexes(), rows("SELECT id, reference FROM payments_payment ORDER BY id")) == before
    assert applied() == []


def test_it_goes_on_once_they_are_told_apart(older: Database):
    shop = a_shop()
    take(older, shop, "order 7", "order 7", "order 8")
    assert manage("migrate", "payments").returncode == 1

    with owning(older) as cursor:
        cursor.execute(_TELL_APART)
    done = manage("migrate", "payments")

    assert done.returncode == 0, done.stderr
    kept = [reference for (reference,) in rows("SELECT reference FROM payments_payment")]
    assert {"order 7", "order 8"} < set(kept)
    assert len(set(kept)) == 3
    assert "payment_reference_once" in indexes()


# As docs/operations.md has it.
_TELL_APART = """
    UPDATE payments_payment AS p SET reference = left(p.reference, 218) || ' ' || p.id
    WHERE p.reference <> '' AND EXISTS (
        SELECT FROM payments_payment o WHERE o.id < p.id
        AND (o.merchant_id, o.mode, o.reference) = (p.merchant_id, p.mode, p.reference))
"""


def test_a_database_without_any_is_upgraded_and_can_go_back(older: Database):
    shop = a_shop()
    take(older, shop, "order 7", "order 8", "", "")
    before = indexes()

    forwards, upgraded = manage("migrate", "payments", AFTER), indexes()
    back, downgraded = manage("migrate", "payments", BEFORE), indexes()

    assert [one.returncode for one in (forwards, back)] == [0, 0]
    assert downgraded == before
    assert set(upgraded) - set(before) == {
        "payment_reference_once",
        "payment_of_merchant",
        "operation_of_payment",
        "refund_of_payment",
    }
    assert set(before) - set(upgraded) == {
        "payment_newest_first",
        "payments_operation_payment_id_33bd387a",
        "payments_refund_payment_id_a70693f7",
    }
