"""Among a million payments every page is read from ranges of indexes, and reads a bounded part."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.core import signing
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.listing import EXAMINED_MAX
from tests.conftest import a_database
from tests.money import PAYMENTS, Shop, a_shop
from tests.payments.million import COUNT, DISPUTES, FIRST_MS, STEP_MS, fill, id_of

# What a page costs whose rows follow each other, and one that looks for what is not there.
BLOCKS_OF_A_PAGE = 400
BLOCKS_OF_A_SEARCH = 4_000
SCANS = {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: Any) -> Iterator[Shop]:
    with a_database(django_db_blocker) as database:
        yield fill(database)


def at(number: int) -> str:
    """Return when a payment was created."""
    (moment,) = _rows("SELECT to_timestamp(%s)", [(FIRST_MS + number * STEP_MS) / 1000])[0]
    return str(moment.isoformat().replace("+00:00", "Z"))


def _rows(sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def below(shop: Shop, number: int, path: str = PAYMENTS, **chosen: str) -> str:
    """Return the cursor of a list that goes on below a payment."""
    filters = urlencode(sorted(chosen.items()))
    salt = f"cursor:{path}:{shop.merchant.id}:test:{filters}"
    return signing.dumps(str(id_of(number)), salt=salt)


class Reading:
    """A page, and how the database read it."""

    def __init__(self, shop: Shop, path: str = PAYMENTS, **query: str) -> None:
        with CaptureQueriesContext(connection) as captured:
            answer = shop.get(path, **query)
        assert answer.status_code == 200, answer.content
        self.page = answer.json()
        asked = [one["sql"] for one in captured.captured_queries if "payments_" in one["sql"]]
        self.plans = [self._explained(sql) for sql in asked]
        self.nodes = [node for plan in self.plans for node in _nodes(plan)]

    @staticmethod
    def _explained(sql: str) -> dict[str, Any]:
        found = _rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}")[0][0]
        plan = json.loads(found) if isinstance(found, str) else found
        return dict(plan[0]["Plan"])

    @property
    def blocks(self) -> int:
        return sum(one["Shared Hit Blocks"] + one["Shared Read Blocks"] for one in self.plans)

    @property
    def examined(self) -> int:
        """Return how many rows were read from tables, wanted or not."""
        tables = [node for node in self.nodes if "Relation Name" in node]
        return sum(
            node["Actual Loops"]
            * (
                node["Actual Rows"]
                + node.get("Rows Removed by Filter", 0)
                + node.get("Rows Removed by Index Recheck", 0)
            )
            for node in tables
        )

    def is_of_ranges(self) -> bool:
        """Tell whether every table is read by an index, each within bounds."""
        scans = [node for node in self.nodes if "Index Name" in node]
        kinds = {node["Node Type"] for node in self.nodes if "Relation Name" in node}
        return (
            bool(scans)
            and kinds <= {*SCANS, "Bitmap Heap Scan"}
            and all("Index Cond" in node for node in scans)
        )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)


NEW, OLD = COUNT - 3, 4_000
# What most payments have, what only the oldest have, and what none has.
COMMON: dict[str, dict[str, str]] = {
    "nothing": {},
    "a status": {"status": "SUCCESS"},
    "a gateway": {"gateway": "mock_success"},
    "a currency": {"currency": "INR"},
    "an amount or more": {"amount_min": "1500"},
    "an amount or less": {"amount_max": "1500"},
    "several": {"status": "SUCCESS", "gateway": "mock_success", "currency": "INR",
                "amount_min": "1000", "amount_max": "2000"},
}  # fmt: skip
RARE: dict[str, dict[str, str]] = {
    "a status": {"status": "FAILED"},
    "a status of none": {"status": "REFUNDED"},
    "a gateway": {"gateway": "mock_failure"},
    "a currency": {"currency": "JPY"},
    "an amount": {"amount_min": "999999999", "amount_max": "999999999"},
    "several": {"status": "FAILED", "gateway": "mock_failure", "currency": "JPY",
                "amount_min": "2", "amount_max": "999999999999"},
}  # fmt: skip


@pytest.mark.parametrize("number", [None, NEW // 2], ids=["newest", "by cursor"])
@pytest.mark.parametrize("chosen", COMMON.values(), ids=COMMON.keys())
def test_what_is_common_is_a_page_of_a_range(shop, chosen, number):
    cursor = {} if number is None else {"cursor": below(shop, number, **chosen)}

    reading = Reading(shop, limit="100", **chosen, **cursor)

    assert len(reading.page["results"]) == 100
    assert reading.is_of_ranges()
    assert reading.examined <= 1_000
    assert reading.blocks <= BLOCKS_OF_A_PAGE * 2


@pytest.mark.parametrize("number", [None, NEW // 2], ids=["newest", "by cursor"])
@pytest.mark.parametrize("chosen", RARE.values(), ids=RARE.keys())
def test_what_is_rare_is_looked_for_within_bounds(shop, chosen, number):
    cursor = {} if number is None else {"cursor": below(shop, number, **chosen)}

    reading = Reading(shop, limit="100", **chosen, **cursor)

    assert reading.page["results"] == []
    assert reading.page["next"] is not None
    assert reading.is_of_ranges()
    assert reading.examined <= EXAMINED_MAX
    assert reading.blocks <= BLOCKS_OF_A_SEARCH


@pytest.mark.parametrize("chosen", RARE.values(), ids=RARE.keys())
def test_what_is_rare_is_found_in_a_range_of_time_at_once(shop, chosen):
    times = {"created_after": at(OLD), "created_before": at(OLD + 200)}

    reading = Reading(shop, limit="100", **times, **chosen)

    expected = 0 if chosen.get("status") == "REFUNDED" else 100
    assert len(reading.page["results"]) == expected
    assert reading.is_of_ranges()
    assert reading.examined <= 500
    assert reading.blocks <= BLOCKS_OF_A_PAGE * 2


@pytest.mark.parametrize(
    ("first", "last"), [(OLD, None), (None, OLD), (COUNT // 2, COUNT // 2 + 90), (None, NEW)]
)
def test_a_range_of_time_is_a_range_of_ids(shop, first, last):
    times = {
        **({} if first is None else {"created_after": at(first)}),
        **({} if last is None else {"created_before": at(last)}),
    }

    reading = Reading(shop, **times)

    numbers = [UUID(one["id"]).int & 0xFFFF_FFFF_FFFF for one in reading.page["results"]]
    assert numbers
    assert min(numbers) >= (first or 0)
    assert max(numbers) < (last or COUNT + 1)
    assert max(numbers) >= (last or COUNT) - 3
    assert reading.is_of_ranges()
    assert reading.examined <= 100
    assert reading.blocks <= BLOCKS_OF_A_PAGE


@pytest.mark.parametrize("more", [{}, {"status": "SUCCESS", "currency": "INR"}])
@pytest.mark.parametrize("number", [3, NEW, COUNT - 1])
def test_a_reference_is_one_entry_of_its_index(shop, number, more):
    reading = Reading(shop, reference=f"order-{number}", **more)

    assert len(reading.page["results"]) == (1 if number > 3 or not more else 0)
    assert reading.is_of_ranges()
    assert {node["Index Name"] for node in reading.nodes if "Index Name" in node} == {
        "payment_reference_once"
    }
    assert reading.blocks <= 20


@pytest.mark.parametrize("chosen", [{}, *RARE.values()], ids=["nothing", *RARE.keys()])
def test_a_merchant_without_payments_reads_nobody_elses(shop, chosen):
    newcomer = a_shop()

    reading = Reading(newcomer, limit="100", **chosen)

    assert reading.page == {"results": [], "next": None}
    assert reading.is_of_ranges()
    assert reading.examined == 0
    assert reading.blocks <= 20


def test_every_rare_payment_is_found_by_following_the_cursor(shop):
    found, pages, cursor = 0, 0, below(shop, 40_000, currency="JPY")
    while cursor:
        page = shop.get(PAYMENTS, limit="100", currency="JPY", cursor=cursor).json()
        found, pages, cursor = found + len(page["results"]), pages + 1, page["next"]

    own = sum(1 for n in range(1, 5_000) if n % 20 > 1)
    assert found == own
    assert pages <= 4 + own / 100 + 1


@pytest.mark.parametrize("expand", ["refunds", "latest_attempt", "refunds,latest_attempt"])
def test_an_expansion_reads_a_bounded_part_of_each_payment(shop, expand):
    page = Reading(shop, limit="100", expand=expand)
    one = Reading(shop, f"{PAYMENTS}{id_of(COUNT - 2)}/", expand=expand)

    for reading in (page, one):
        assert reading.is_of_ranges()
        assert reading.blocks <= BLOCKS_OF_A_PAGE * 4
    assert one.examined <= 100


@pytest.mark.parametrize("number", [None, COUNT + 2_000], ids=["newest", "by cursor"])
def test_the_refunds_of_a_payment_that_has_thousands_are_a_page_of_a_range(shop, number):
    path = f"{PAYMENTS}{id_of(COUNT - 2)}/refunds/"
    cursor = {} if number is None else {"cursor": below(shop, number, path)}

    reading = Reading(shop, path, limit="100", **cursor)

    assert len(reading.page["results"]) == 100
    assert reading.is_of_ranges()
    assert reading.examined <= 300
    assert reading.blocks <= BLOCKS_OF_A_PAGE * 2


@pytest.mark.parametrize(
    ("chosen", "count"), [({}, 100), ({"status": "LOST"}, 100), ({"status": "WON"}, 0)]
)
@pytest.mark.parametrize("number", [None, DISPUTES // 2], ids=["newest", "by cursor"])
def test_disputes_are_a_page_of_a_range(shop, chosen, count, number):
    path = "/api/disputes/"
    cursor = {} if number is None else {"cursor": below(shop, number, path, **chosen)}

    reading = Reading(shop, path, limit="100", **chosen, **cursor)

    assert len(reading.page["results"]) == count
    assert reading.is_of_ranges()
    assert reading.examined <= 200
    assert reading.blocks <= BLOCKS_OF_A_PAGE


def test_what_is_disputed_still_is_found_at_once_although_it_is_old(shop):
    reading = Reading(shop, "/api/disputes/", limit="100", status="OPEN")

    assert len(reading.page["results"]) == 100
    assert reading.is_of_ranges()
    assert reading.examined <= 200


@pytest.mark.parametrize("chosen", [{}, {"status": "LOST"}, {"status": "OPEN"}])
@pytest.mark.parametrize("number", [DISPUTES - 3, 7, DISPUTES + 3], ids=["new", "old", "none"])
def test_the_disputes_of_a_payment_are_read_by_it_alone(shop, chosen, number):
    reading = Reading(shop, "/api/disputes/", payment=str(id_of(number)), **chosen)

    shown = [one["status"] for one in reading.page["results"]]
    standing = {DISPUTES - 3: "LOST", 7: "OPEN"}.get(number)
    is_wanted = standing is not None and chosen.get("status", standing) == standing
    assert shown == ([standing] if is_wanted else [])
    assert reading.is_of_ranges()
    assert reading.examined <= 2
    assert reading.blocks <= 20
