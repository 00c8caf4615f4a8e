"""`manage.py rebuild_balances`, and what the metrics page says of the roll-up."""

from contextlib import closing
from io import StringIO
from threading import Thread

import pytest
from django.core.management import call_command
from django.db import connection
from psycopg2.extensions import connection as Connection

from core.db import rows, transaction
from ledger import books, rollup
from ledger.books import Balance
from ledger.sampling import MOST_COUNTED, ledger
from tests.conftest import Database
from tests.ledger.plain_sql import Sql
from tests.ledger.sample import Sale
from tests.ledger.test_rollup import EQUAL_SUMS, mark, without_guards
from tests.ledger.test_rollup_plans import book

pytestmark = pytest.mark.usefixtures("committed_db")


def rebuild() -> str:
    said = StringIO()
    call_command("rebuild_balances", stdout=said, skip_checks=True)
    return said.getvalue()


class TestRebuilding:
    def test_mends_what_was_damaged(self, owner: Connection) -> None:
        sale = Sale()
        book(sale)
        rollup.add_block()
        without_guards(owner, "UPDATE ledger_snapshot SET credits = credits + 1")
        assert rows(EQUAL_SUMS) != []

        said = rebuild()

        assert rows(EQUAL_SUMS) == []
        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 1_000, 0)]
        assert said == "… 1 transactions\nThe snapshots are made again.\n"

    def test_forgets_the_damage_at_once(self, owner: Connection) -> None:
        sale = Sale()
        book(sale)
        rollup.add_block()
        epoch, _ = mark()
        without_guards(owner, "UPDATE ledger_snapshot SET credits = credits + 1")

        rollup.begin_anew()

        assert mark() == (epoch + 1, 0)
        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 1_000, 0)]

    def test_waits_for_a_dispatcher_that_is_at_it(self, committed_db: Database) -> None:
        book(Sale())

        def rebuild_elsewhere() -> None:
            with closing(connection):
                rebuild()

        rebuilding = Thread(target=rebuild_elsewhere)
        with closing(committed_db.connect()) as dispatcher:
            Sql(dispatcher).run(f"SELECT pg_advisory_xact_lock({rollup._LOCK})")
            rebuilding.start()
            rebuilding.join(0.5)
            waiting = rebuilding.is_alive()
            dispatcher.rollback()
            rebuilding.join(10)

        assert waiting
        assert not rebuilding.is_alive()
        assert rows(EQUAL_SUMS) == []
        assert mark()[1] > 0


def gauges() -> dict[str, float]:
    return {metric.name: metric.samples[0].value for metric in ledger()}


class TestGauges:
    def test_show_nothing_when_all_is_rolled_up(self) -> None:
        book(Sale())
        rollup.add_block()

        assert gauges() == {"pay_ledger_tail_transactions": 0, "pay_ledger_rollup_lag_seconds": 0}

    def test_show_what_waits_and_for_how_long(self, owner: Connection) -> None:
        book(Sale(), Sale())
        with owner.cursor() as cursor:
            cursor.execute("ALTER TABLE ledger_transaction DISABLE TRIGGER USER")
            cursor.execute("UPDATE ledger_transaction SET recorded_at = now() - interval '1 hour'")
        owner.commit()

        found = gauges()

        assert found["pay_ledger_tail_transactions"] == 2
        assert 3_600 <= found["pay_ledger_rollup_lag_seconds"] < 3_700

    def test_count_up_to_a_limit(self) -> None:
        with transaction():
            rows(
                "INSERT INTO ledger_transaction (id, kind, source_id, merchant_id, mode)"
                " SELECT gen_random_uuid(), 'sold', gen_random_uuid(), gen_random_uuid(), 'test'"
                f" FROM generate_series(1, {MOST_COUNTED + 5})"
            )

        assert gauges()["pay_ledger_tail_transactions"] == MOST_COUNTED
