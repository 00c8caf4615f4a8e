"""Two connections at once: one books, the other learns of it."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from time import monotonic, sleep

import pytest
from django.db import connection
from django.db.transaction import set_rollback

from core.db import transaction
from ledger import books, sql
from ledger.books import Balance, Posting
from tests.conftest import Database
from tests.ledger.sample import Sale

pytestmark = pytest.mark.usefixtures("committed_db")

# Long enough for a loaded machine; a test that needs it has failed.
PATIENCE_SECONDS = 10


def book(posting: Posting) -> bool:
    with transaction():
        return books.book(posting)


def book_elsewhere(posting: Posting) -> bool:
    with closing(connection):
        return book(posting)


def wait_until_blocked(database: Database) -> None:
    """Return once a connection of this database waits for another one's transaction."""
    watch = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    deadline = monotonic() + PATIENCE_SECONDS
    with closing(database.connect(owner=True)) as watcher, watcher.cursor() as cursor:
        while monotonic() < deadline:
            cursor.execute(watch)
            if cursor.fetchone() != (0,):
                return
            sleep(0.01)
    pytest.fail("nobody waited")


def race(database: Database, first: Posting, second: Posting) -> Future[bool]:
    """Let the second start, and wait, between the first's statement and its commit."""
    with ThreadPoolExecutor(1) as pool:
        with transaction():
            assert books.book(first)
            outcome = pool.submit(book_elsewhere, second)
            wait_until_blocked(database)
        outcome.exception(PATIENCE_SECONDS)
    return outcome


class TestOneFactTwice:
    def test_is_booked_once(self, committed_db: Database) -> None:
        sale = Sale()

        second = race(committed_db, sale.created(), sale.created())

        assert second.result() is False
        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 1_000, 0)]

    def test_is_refused_with_other_legs(self, committed_db: Database) -> None:
        sale = Sale()

        second = race(committed_db, sale.created(), sale.posting("created", sale.taken))

        assert isinstance(second.exception(), books.ReferenceReused)

    def test_is_booked_by_the_second_when_the_first_rolls_back(
        self, committed_db: Database
    ) -> None:
        sale = Sale()

        with ThreadPoolExecutor(1) as pool:
            with transaction():
                books.book(sale.created())
                second = pool.submit(book_elsewhere, sale.created())
                wait_until_blocked(committed_db)
                set_rollback(True)
            second.result(PATIENCE_SECONDS)

        assert second.result(PATIENCE_SECONDS) is True
        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 1_000, 0)]

    def test_is_booked_once_by_many_at_the_same_moment(self) -> None:
        sales = [Sale() for _ in range(25)]

        with ThreadPoolExecutor(4) as pool:
            for sale in sales:
                won = list(pool.map(book_elsewhere, [sale.created()] * 4))
                assert sorted(won) == [False, False, False, True]


class TestOnePendingResolvedTwice:
    def test_the_second_is_refused(self, committed_db: Database) -> None:
        sale = Sale()
        book(sale.created())

        second = race(committed_db, sale.captured(), sale.failed())

        assert isinstance(second.exception(), books.AlreadyResolved)
        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 1_000)]

    def test_the_same_resolution_is_booked_once(self, committed_db: Database) -> None:
        sale = Sale()
        book(sale.created())

        second = race(committed_db, sale.captured(), sale.captured())

        assert second.result() is False


class TestKnownAccounts:
    def test_are_not_remembered_when_the_transaction_rolls_back(self) -> None:
        sale = Sale()

        def fail() -> None:
            with transaction():
                books.book(sale.created())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()

        assert book(sale.created()) is True

    def test_are_not_sent_again_once_committed(self) -> None:
        sale = Sale()
        asked = sql.params(sale.created())["ledger_account_ids"]

        book(sale.created())

        assert set(asked) == {sale.receivable.id, sale.payable.id}
        assert sql.params(sale.captured())["ledger_account_ids"] == []
