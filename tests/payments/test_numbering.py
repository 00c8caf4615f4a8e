"""Events get their numbers without a gap and in order, whoever is slow, dies or numbers besides."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from time import sleep
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from psycopg2.extensions import connection as Connection

from core.db import rows, transaction
from core.models import Mode
from payments import numbering, sampling
from payments.models import Event
from tests.conftest import Database
from tests.ledger.test_races import PATIENCE_SECONDS, wait_until_blocked
from tests.money import a_shop
from tests.payments.numbers import ELSEWHERE, a_merchant, broken, number, told, write

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def slow(committed_db: Database) -> Iterator[Connection]:
    with closing(committed_db.connect()) as other:
        yield other


def mark() -> tuple[Any, ...]:
    return rows("SELECT epoch, xid::text, event_id FROM payments_numbering")[0]


class TestABatch:
    def test_numbers_from_one_for_each_merchant_and_mode(self) -> None:
        one, other = a_merchant(), a_merchant()
        first, second = write(one), write(one)
        live, foreign = write(one, "live"), write(other)

        number()

        assert told(one) == [(1, first), (2, second)]
        assert told(one, "live") == [(1, live)]
        assert told(other) == [(1, foreign)]
        assert broken() == []

    def test_goes_on_where_the_last_one_ended(self) -> None:
        merchant = a_merchant()
        written = [write(merchant) for _ in range(5)]

        batches = [number(most=2) for _ in range(4)]

        assert [batch.looked_at for batch in batches] == [2, 2, 1, 0]
        assert told(merchant) == list(enumerate(written, start=1))

    def test_says_what_it_numbered(self) -> None:
        shop = a_shop()
        payment = shop.accepted(500)

        (numbered,) = number().numbered

        assert (numbered.merchant_id, numbered.mode) == (shop.merchant.id, Mode.TEST)
        assert (numbered.number, numbered.type) == (1, "payment.created")
        assert (numbered.aggregate_type, numbered.aggregate_id) == ("payment", payment.id)
        assert (numbered.version, numbered.created_at) == (1, Event.objects.get().created_at)
        assert '"amount": 500' in numbered.payload

    def test_numbers_one_transactions_events_by_their_ids(self) -> None:
        merchant = a_merchant()
        ids = [UUID(int=n) for n in (3, 1, 2)]
        with transaction():
            for made in ids:
                rows(
                    "INSERT INTO payments_event (id, merchant_id, mode, aggregatetype, aggregateid,"
                    " type, version, payload) VALUES (%s, %s, 'test', 'payment', %s, 'x', 1, '{}')",
                    [made, merchant.id, made],
                )

        for _ in range(3):
            number(most=1)

        assert told(merchant) == [(n, UUID(int=n)) for n in (1, 2, 3)]

    def test_writes_nothing_when_there_is_nothing_new(self) -> None:
        write(a_merchant())
        number()
        before = rows("SELECT xmin::text, * FROM payments_numbering")

        batch = number()

        assert (batch.looked_at, batch.numbered) == (0, [])
        assert rows("SELECT xmin::text, * FROM payments_numbering") == before

    def test_is_not_half_there_when_its_maker_dies(self, committed_db: Database) -> None:
        merchant = a_merchant()
        made = write(merchant)
        number()
        later = write(merchant)
        before = mark()
        with closing(committed_db.connect()) as dying, dying.cursor() as cursor:
            cursor.execute(numbering.NUMBER, {"most": 9})
            assert cursor.rowcount == 1

        assert (mark(), told(merchant)) == (before, [(1, made)])
        number()
        assert told(merchant) == [(1, made), (2, later)]

    def test_needs_its_callers_transaction(self) -> None:
        with pytest.raises(Exception, match="needs an open transaction"):
            numbering.number()


class TestASlowWriter:
    def test_is_not_passed_over(self, slow: Connection) -> None:
        merchant = a_merchant()
        early = write(merchant)
        late = write(merchant, by=slow)
        quick = write(merchant)
        number()
        meanwhile = told(merchant)
        slow.commit()

        number()

        assert meanwhile == [(1, early)]
        assert told(merchant) == [(1, early), (2, late), (3, quick)]
        assert broken() == []

    def test_that_gives_up_leaves_no_gap(self, slow: Connection) -> None:
        merchant = a_merchant()
        write(merchant, by=slow)
        quick = write(merchant)
        number()
        held_back = told(merchant)
        slow.rollback()

        number()

        assert held_back == []
        assert told(merchant) == [(1, quick)]

    def test_that_writes_something_else_first_is_waited_for_too(self, slow: Connection) -> None:
        merchant = a_merchant()
        with slow.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
        quick = write(merchant)
        number()
        held_back = told(merchant)
        late = write(merchant, by=slow)
        slow.commit()

        number()

        assert held_back == []
        assert told(merchant) == [(1, late), (2, quick)]

    def test_who_only_reads_holds_nobody_up(self, slow: Connection) -> None:
        merchant = a_merchant()
        with slow.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM payments_event")
        made = write(merchant)

        number()

        assert told(merchant) == [(1, made)]


class TestTwoNumberers:
    def test_the_second_leaves_it_to_the_first(self, slow: Connection) -> None:
        merchant = a_merchant()
        made = write(merchant)
        with slow.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_xact_lock({numbering._LOCK})")
        with transaction():
            while_held = numbering.number()
        slow.rollback()

        number()

        assert while_held is None
        assert told(merchant) == [(1, made)]

    def test_without_the_lock_nothing_is_numbered_twice(
        self, slow: Connection, committed_db: Database
    ) -> None:
        merchant = a_merchant()
        ids = [write(merchant)]
        number()
        ids.append(write(merchant))
        with slow.cursor() as cursor, ThreadPoolExecutor(1) as pool:
            cursor.execute(numbering.NUMBER, {"most": 9})
            second = pool.submit(_number_without_lock)
            wait_until_blocked(committed_db)
            slow.commit()
            found = second.result(PATIENCE_SECONDS)

        assert [columns[1] for columns in found] == [None]
        assert told(merchant) == [(1, ids[0]), (2, ids[1])]


def _number_without_lock() -> list[tuple[Any, ...]]:
    with closing(connection):
        return rows(numbering.NUMBER, {"most": 9})


class TestAnotherServer:
    def test_begins_anew_and_gives_no_number_twice(self, owner: Connection) -> None:
        merchant = a_merchant()
        ids = [write(merchant) for _ in range(3)]
        number()
        with owner.cursor() as cursor:
            cursor.execute(ELSEWHERE)
        owner.commit()
        ids.append(write(merchant))

        batches = [number(most=2), number(most=2)]

        assert [batch.looked_at for batch in batches] == [2, 2]
        assert [one.number for batch in batches for one in batch.numbered] == [4]
        assert told(merchant) == list(enumerate(ids, start=1))
        assert broken() == []

    def test_numbers_of_the_old_one_need_not_be_in_order_with_new_ids(
        self, owner: Connection
    ) -> None:
        merchant = a_merchant()
        old = write(merchant)
        number()
        with owner.cursor() as cursor:
            cursor.execute("ALTER TABLE payments_event DISABLE TRIGGER USER")
            cursor.execute("UPDATE payments_event SET xid = '9000000000'")
            cursor.execute(ELSEWHERE)
        owner.commit()
        new = write(merchant)

        number()

        assert told(merchant) == [(1, old), (2, new)]
        assert broken() == []


class TestTheLag:
    def test_is_none_when_all_is_numbered(self) -> None:
        write(a_merchant())
        number()

        assert sampling.unnumbered_seconds() == 0

    def test_is_the_wait_of_the_oldest_event_without_a_number(self, slow: Connection) -> None:
        merchant = a_merchant()
        write(merchant)
        number()
        with slow.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
        write(merchant)
        sleep(0.2)
        write(merchant)
        number()

        held_back = sampling.unnumbered_seconds()
        slow.rollback()
        number()

        assert 0.2 <= held_back < PATIENCE_SECONDS
        assert sampling.unnumbered_seconds() == 0
