"""However much is booked already: a balance reads its tail, and a roll-up what is new."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from core.db import rows, transaction
from ledger import books, rollup, sampling
from tests.ledger.sample import Sale

pytestmark = pytest.mark.usefixtures("committed_db")

OLD_TRANSFERS = 40_000
# A few pages of each table and index; all transfers are more than a thousand.
MOST_PAGES = 150
SALE = Sale()

MANY = """
    WITH many AS (SELECT gen_random_uuid() AS id FROM generate_series(1, %(number)s)),
    headers AS (
        INSERT INTO ledger_transaction (id, kind, source_id, merchant_id, mode)
        SELECT id, 'sold', id, %(merchant)s, 'test' FROM many RETURNING id
    )
    INSERT INTO ledger_transfer (id, transaction_id, layer, debit_account_id, credit_account_id,
                                 currency, mode, amount)
    SELECT gen_random_uuid(), id, 'posted', %(debit)s, %(credit)s, 'INR', 'test', 1 FROM headers
"""


def book(*sales: Sale) -> None:
    for sale in sales:
        with transaction():
            books.book(sale.created())


@pytest.fixture(params=[True, False], ids=["analyzed", "never analyzed"])
def _many_old(owner: Connection, request: pytest.FixtureRequest) -> None:
    book(SALE)
    values = {
        "number": OLD_TRANSFERS,
        "merchant": str(SALE.merchant_id),
        "debit": str(SALE.receivable.id),
        "credit": str(SALE.payable.id),
    }
    with owner.cursor() as cursor:
        cursor.execute(MANY, values)
        owner.commit()
        while rollup.add_block():
            pass
        if request.param:
            cursor.execute("ANALYZE ledger_transaction, ledger_transfer, ledger_account")
            cursor.execute("ANALYZE ledger_rollup, ledger_snapshot")
            owner.commit()
    book(*(Sale(merchant_id=SALE.merchant_id) for _ in range(20)))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def run(statement: str, params: Any = None) -> tuple[set[str], int]:
    """Run a statement; return the big tables it read from end to end, and how many pages."""
    ((found,),) = rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", params)
    plan = (found if isinstance(found, list) else json.loads(found))[0]["Plan"]
    whole = {n["Relation Name"] for n in nodes(plan) if n["Node Type"] == "Seq Scan"}
    pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return whole & {"ledger_transfer", "ledger_transaction"}, pages


@pytest.mark.usefixtures("_many_old")
class TestWithManyOldTransfers:
    def test_balances_read_their_tail(self) -> None:
        whole, pages = run(rollup.BALANCES, [str(SALE.merchant_id), "test"])

        assert whole == set()
        assert pages < MOST_PAGES

    def test_a_balance_reads_its_tail(self) -> None:
        whole, pages = run(rollup.NET_DEBIT, [SALE.receivable.id, "posted"])

        assert whole == set()
        assert pages < MOST_PAGES

    def test_a_block_reads_what_is_new(self) -> None:
        whole, pages = run(rollup.ADD_BLOCK, {"most": rollup.BLOCK_TRANSACTIONS})

        assert whole == set()
        assert pages < 2 * MOST_PAGES

    @pytest.mark.parametrize("statement", sampling.STATEMENTS)
    def test_the_lag_is_read_from_the_end_of_an_index(self, statement: str) -> None:
        whole, pages = run(statement)

        assert whole == set()
        assert pages < MOST_PAGES
