"""Balances from snapshot and tail: exact whoever writes, rolls up or dies at the same time."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from django.db import connection
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from core.db import rows, transaction
from ledger import books, portable, rollup, sql
from ledger.books import Balance, Layer, Posting
from ledger.invariants import INVARIANTS
from tests.conftest import Database
from tests.ledger.plain_sql import Sql
from tests.ledger.sample import Sale
from tests.ledger.test_races import PATIENCE_SECONDS, wait_until_blocked

pytestmark = pytest.mark.usefixtures("committed_db")

EQUAL_SUMS = next(i.sql for i in INVARIANTS if i.name == "ledger-snapshots-equal-sums")


def book(*postings: Posting) -> None:
    for posting in postings:
        with transaction():
            books.book(posting)


def book_by(other: Connection, posting: Posting) -> None:
    """Book on another connection, and leave its transaction open."""
    Sql(other).run(sql.POST, sql.params(posting))


def add_without_lock() -> list[tuple[Any, ...]]:
    with closing(connection):
        return rows(rollup.ADD_BLOCK, {"most": 9})


def mark() -> tuple[int, int]:
    ((epoch, upto),) = rows("SELECT epoch, upto::text::bigint FROM ledger_rollup")
    return epoch, upto


def without_guards(owner: Connection, *statements: str) -> None:
    """Do what only a restored dump, or an owner, can."""
    with owner.cursor() as cursor:
        for table in ("rollup", "snapshot"):
            cursor.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement)
        for table, trigger in (("rollup", "goes_forward"), ("snapshot", "only_grows")):
            cursor.execute(
                f"ALTER TABLE ledger_{table} ENABLE ALWAYS TRIGGER ledger_{table}_{trigger}"
            )
    owner.commit()


class TestABlock:
    def test_changes_no_balance(self) -> None:
        sale = Sale()
        book(sale.created(), Sale(merchant_id=sale.merchant_id, amount=5).created())
        book(sale.captured(), sale.refunded(300))
        before = books.balances(sale.merchant_id, "test")

        added = rollup.add_block()

        assert added == 4
        assert before == [Balance("INR", 5, 700)]
        assert books.balances(sale.merchant_id, "test") == before
        assert books.balance(sale.clearing, Layer.POSTED) == 300
        assert rows(EQUAL_SUMS) == []

    def test_is_what_a_balance_starts_from(self, owner: Connection) -> None:
        sale = Sale()
        book(sale.created(), sale.captured())
        rollup.add_block()
        book(sale.refunded(1))

        without_guards(owner, "UPDATE ledger_snapshot SET credits = 5000 WHERE layer = 'posted'")

        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 4_999)]

    def test_takes_the_oldest_and_leaves_the_rest(self) -> None:
        sale = Sale()
        book(sale.created(), sale.captured(), sale.refunded(1), sale.posting("more", sale.taken))

        added = [rollup.add_block(most=3) for _ in range(3)]

        assert added == [3, 1, 0]
        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 1_999)]
        assert rows(EQUAL_SUMS) == []

    def test_keeps_what_one_transaction_wrote_together(self) -> None:
        sales = [Sale() for _ in range(5)]
        with transaction():
            books.book_all([sale.created() for sale in sales])

        added = rollup.add_block(most=2)

        assert added == 5
        assert rows(EQUAL_SUMS) == []

    def test_writes_nothing_when_there_is_nothing_new(self) -> None:
        book(Sale().created())
        rollup.add_block()
        rows_before = rows("SELECT xmin::text, * FROM ledger_rollup")

        added = rollup.add_block()

        assert added == 0
        assert rows("SELECT xmin::text, * FROM ledger_rollup") == rows_before

    def test_leaves_an_account_alone_that_nobody_booked_on(self) -> None:
        quiet, busy = Sale(gateway="quiet"), Sale()
        book(quiet.created())
        rollup.add_block()
        versions = "SELECT xmin::text FROM ledger_snapshot WHERE account_id = %s"
        before = rows(versions, [quiet.payable.id])
        book(busy.created())

        rollup.add_block()

        assert before == rows(versions, [quiet.payable.id])
        assert books.balances(quiet.merchant_id, "test") == [Balance("INR", 1_000, 0)]

    def test_is_not_half_there_when_its_maker_dies(self, committed_db: Database) -> None:
        sale = Sale()
        book(sale.created())
        rollup.add_block()
        book(sale.captured())
        before = mark()
        with closing(committed_db.connect()) as dying:
            assert Sql(dying).run(rollup.ADD_BLOCK, {"most": 9}) == [(1,)]

        assert mark() == before
        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 1_000)]
        assert rollup.add_block() == 1


class TestASlowWriter:
    @pytest.fixture
    def slow(self, committed_db: Database) -> Any:
        with closing(committed_db.connect()) as other:
            yield other

    def test_is_not_passed_over(self, slow: Connection) -> None:
        first = Sale()
        late = Sale(merchant_id=first.merchant_id, amount=7)
        book(first.created())
        book_by(slow, late.created())
        book(first.captured())
        added = [rollup.add_block(), rollup.add_block()]
        meanwhile = books.balances(first.merchant_id, "test")
        slow.commit()
        committed = books.balances(first.merchant_id, "test")

        rollup.add_block()

        assert added == [1, 0]
        assert meanwhile == [Balance("INR", 0, 1_000)]
        assert committed == [Balance("INR", 7, 1_000)]
        assert books.balances(first.merchant_id, "test") == committed
        assert rows(EQUAL_SUMS) == []

    def test_that_gives_up_leaves_nothing(self, slow: Connection) -> None:
        first = Sale()
        book(first.created())
        book_by(slow, first.captured())
        rollup.add_block()
        slow.rollback()

        rollup.add_block()

        assert books.balances(first.merchant_id, "test") == [Balance("INR", 1_000, 0)]
        assert rows(EQUAL_SUMS) == []

    def test_cannot_be_passed_over_by_hand(self, slow: Connection) -> None:
        book_by(slow, Sale(gateway="slow").created())
        book(Sale().created())

        with pytest.raises(Exception, match="goes forward to what nobody") as refused:
            rows("UPDATE ledger_rollup SET upto = (SELECT max(xid) FROM ledger_transaction)")

        assert isinstance(refused.value.__cause__, errors.RestrictViolation)

    def test_sees_its_own_bookings(self) -> None:
        sale = Sale()
        book(sale.created())
        rollup.add_block()

        with transaction():
            books.book(sale.captured())
            own = books.balances(sale.merchant_id, "test")

        assert own == [Balance("INR", 0, 1_000)]


class TestTwoAtOnce:
    def test_the_second_leaves_it_to_the_first(self, committed_db: Database) -> None:
        sale = Sale()
        book(sale.created())
        with closing(committed_db.connect()) as other:
            Sql(other).run(f"SELECT pg_advisory_xact_lock({rollup._LOCK})")

            while_held = rollup.add_block()
            other.rollback()

        assert while_held is None
        assert rollup.add_block() == 1

    def test_without_the_lock_nothing_is_added_twice(self, committed_db: Database) -> None:
        sale = Sale()
        book(sale.created())
        rollup.add_block()
        book(sale.captured())
        with closing(committed_db.connect()) as first, ThreadPoolExecutor(1) as pool:
            assert Sql(first).run(rollup.ADD_BLOCK, {"most": 9}) == [(1,)]
            second = pool.submit(add_without_lock)
            wait_until_blocked(committed_db)
            first.commit()
            outcome = second.result(PATIENCE_SECONDS)

        assert outcome == [(0,)]
        assert rows(EQUAL_SUMS) == []


class TestAnotherServer:
    """What a restored dump looks like: rows and mark of a server that had counted further."""

    @pytest.fixture
    def sale(self, owner: Connection) -> Sale:
        sale = Sale()
        book(sale.created())
        rollup.add_block()
        without_guards(
            owner,
            "UPDATE ledger_rollup SET system_identifier = 1, upto = '9000000000'",
            "UPDATE ledger_snapshot SET credits = credits + 1",
        )
        return sale

    def test_has_exact_balances_at_once(self, sale: Sale) -> None:
        book(sale.captured())

        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 1_000)]
        assert books.balance(sale.payable, Layer.POSTED) == 1_000

    def test_begins_anew_with_its_own_ids(self, sale: Sale) -> None:
        epoch, _ = mark()
        book(sale.captured())

        added = rollup.add_block()

        assert added == 2
        assert mark()[0] == epoch + 1
        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 1_000)]
        assert rows(EQUAL_SUMS) == []

    def test_reads_what_was_restored_with_ids_still_to_come(self, owner: Connection) -> None:
        sale = Sale()
        book(sale.created(), sale.captured())
        with owner.cursor() as cursor:
            for table in ("transaction", "transfer"):
                cursor.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")
            cursor.execute(
                "ALTER TABLE ledger_transfer"
                " DROP CONSTRAINT ledger_transfer_joins_its_own_transaction"
            )
            for table in ("transaction", "transfer"):
                cursor.execute(f"UPDATE ledger_{table} SET xid = '9000000000'")
        owner.commit()

        added = rollup.add_block()

        assert added == 0
        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 1_000)]


def test_both_forms_mean_the_same() -> None:
    sale = Sale()
    book(sale.created())
    rollup.add_block()
    book(sale.captured(), sale.refunded(3))

    for account in (sale.payable, sale.receivable, sale.clearing):
        for layer in Layer.values:
            assert rollup.net_debit(account.id, layer) == portable.net_debit(account.id, layer)
    assert rollup.balances(sale.merchant_id, "test") == portable.balances(sale.merchant_id, "test")
