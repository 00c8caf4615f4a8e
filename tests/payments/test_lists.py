"""Lists of payments by what is chosen: exactly those, each once, however little a page examines."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.db import rows
from core.ids import smallest_uuid7
from payments import listing
from payments.models import Payment
from payments.representation import timestamp
from tests.money import PAYMENTS, Shop, a_shop, drain, problem

pytestmark = pytest.mark.django_db

BAD = (400, "validation-error")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def listed(shop: Shop, *, limit: int = 100, **chosen: str) -> list[str]:
    """Follow the cursor to the end, and return every id in the order it came in."""
    found: list[str] = []
    query = {"limit": str(limit), **chosen}
    while True:
        page = shop.get(PAYMENTS, **query).json()
        found += [one["id"] for one in page["results"]]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


def planted(shop: Shop, created_at: datetime, *, id_at: datetime | None = None) -> str:
    """Write a payment of another time, whose id may be of yet another one."""
    first = smallest_uuid7((id_at or created_at).timestamp())
    payment = Payment(
        id=UUID(int=first.int | 0x7 << 76 | 0b10 << 62 | (created_at.microsecond + 1)),
        merchant=shop.merchant, mode="test", amount=1, currency="INR", gateway="mock",
        created_at=created_at,
    )  # fmt: skip
    payment.save(force_insert=True)
    return str(payment.id)


class TestAFilter:
    @pytest.fixture
    def shop(self) -> Shop:
        return a_shop()

    @pytest.fixture(autouse=True)
    def ids(self, shop: Shop) -> dict[str, str]:
        made: dict[str, dict[str, Any]] = {
            "plain": {},
            "yen": {"amount": 5, "currency": "JPY"},
            "large": {"amount": 9_000, "reference": "order 9"},
            "declined": {"gateway": "mock_failure"},
        }
        ids = {name: str(shop.accepted(**asked).id) for name, asked in made.items()}
        drain()
        ids["new"] = str(shop.accepted(amount=9_001, gateway="mock").id)
        a_shop(mode="live", merchant=shop.merchant).accepted(reference="order 9", currency="JPY")
        a_shop().accepted(reference="order 9", currency="JPY")
        return ids

    @pytest.mark.parametrize("limit", [1, 2, 100])
    @pytest.mark.parametrize(
        ("chosen", "expected"),
        {
            "a status": ({"status": "SUCCESS"}, ["large", "yen", "plain"]),
            "a status of one": ({"status": "FAILED"}, ["declined"]),
            "a status of none": ({"status": "REFUNDED"}, []),
            "a gateway": ({"gateway": "mock_failure"}, ["declined"]),
            "a currency": ({"currency": "JPY"}, ["yen"]),
            "a currency of none": ({"currency": "USD"}, []),
            "a reference": ({"reference": "order 9"}, ["large"]),
            "a reference of none": ({"reference": "order"}, []),
            "an amount or more": ({"amount_min": "9000"}, ["new", "large"]),
            "an amount or less": ({"amount_max": "5"}, ["yen"]),
            "an amount": ({"amount_min": "9000", "amount_max": "9000"}, ["large"]),
            "several": ({"status": "SUCCESS", "currency": "INR", "amount_max": "9000"},
                        ["large", "plain"]),
            "a reference and what fits": ({"reference": "order 9", "status": "SUCCESS"}, ["large"]),
            "a reference and what does not": ({"reference": "order 9", "status": "FAILED"}, []),
            "a time after all": ({"created_after": "2999-01-01T00:00:00Z"}, []),
            "a time before all": ({"created_before": "1969-01-01T00:00:00Z"}, []),
        }.values(),
    )  # fmt: skip
    def test_finds_exactly_those(self, shop, ids, chosen, expected, limit):
        assert listed(shop, limit=limit, **chosen) == [ids[name] for name in expected]

    @pytest.mark.parametrize("chosen", [{"status": "SUCCESS"}, {"currency": "JPY"}, {}])
    @pytest.mark.parametrize("examined", [1, 2, 3, 5])
    def test_finds_them_however_few_payments_a_page_examines(
        self, shop, chosen, examined, monkeypatch
    ):
        expected = listed(shop, **chosen)

        monkeypatch.setattr(listing, "EXAMINED_MAX", examined)

        assert listed(shop, limit=2, **chosen) == expected

    def test_gives_an_empty_page_with_a_cursor_where_the_reading_ended_early(
        self, shop, ids, monkeypatch
    ):
        monkeypatch.setattr(listing, "EXAMINED_MAX", 3)

        page = shop.get(PAYMENTS, status="PROCESSING").json()

        assert page["results"] == []
        rest = shop.get(PAYMENTS, status="PROCESSING", cursor=page["next"]).json()
        assert rest == {"results": [], "next": None}


class TestTimes:
    @pytest.mark.parametrize(
        ("after", "before", "expected"),
        [(0, 2, [1, 0]), (1, 3, [2, 1]), (0, 1, [0]), (0, 0, []), (2, 9, [2]), (-9, 0, [])],
    )
    def test_include_the_first_moment_and_not_the_last(self, after, before, expected):
        shop = a_shop()
        moments = [NOON + timedelta(microseconds=n) for n in range(3)]
        ids = [planted(shop, moment) for moment in moments]

        found = listed(
            shop,
            created_after=str(timestamp(NOON + timedelta(microseconds=after))),
            created_before=str(timestamp(NOON + timedelta(microseconds=before))),
        )

        assert found == [ids[n] for n in expected]

    @pytest.mark.parametrize("seconds", [-59, -1, 0, 1, 4])
    def test_are_those_that_the_payment_shows_and_not_those_of_its_id(self, seconds):
        shop = a_shop()
        payment = planted(shop, NOON, id_at=NOON + timedelta(seconds=seconds))
        moment, later = (str(timestamp(NOON + timedelta(microseconds=n))) for n in (0, 1))

        assert listed(shop, created_after=moment, created_before=later) == [payment]
        assert listed(shop, created_after=later) == []
        assert listed(shop, created_before=moment) == []

    @pytest.mark.parametrize(
        "moment",
        ["2026-03-01T12:00:00Z", "2026-03-01t12:00:00z", "2026-03-01T12:00:00.0Z",
         "2026-03-01T17:30:00+05:30", "2026-03-01T11:00:00.000000-01:00"],
    )  # fmt: skip
    def test_may_be_written_in_any_way_of_rfc_3339(self, moment):
        shop = a_shop()
        payment = planted(shop, NOON)

        assert listed(shop, created_after=moment) == [payment]
        assert listed(shop, created_before=moment) == []

    @pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+00:00", "1969-12-31T23:59:59Z"])
    def test_may_be_older_than_any_id(self, moment):
        shop = a_shop()
        payment = planted(shop, NOON)

        assert listed(shop, created_after=moment) == [payment]
        assert listed(shop, created_before=moment) == []

    def test_may_be_later_than_any_payment(self):
        shop = a_shop()
        payment = planted(shop, NOON)

        assert listed(shop, created_before="9999-12-31T23:59:59.999999Z") == [payment]
        assert listed(shop, created_after="9999-12-31T23:59:59.999999Z") == []


BAD_AMOUNTS = [
    *("", "-1", "+1", "1.0", "1e3", " 1", "ten", "١", "1000000000000", "9" * 5_000),
]
BAD_MOMENTS = [
    *("", "now", "1772366400", "2026-03-01", "2026-03-01T12:00Z", "2026-03-01T12:00:00"),
    *("2026-03-01 12:00:00Z", "2026-03-01T12:00:00 00:00", "2026-13-01T12:00:00Z"),
    *("2026-03-01T12:00:00.1234567Z", "2026-03-01T12:00:60Z", "2026-03-01T25:00:00Z"),
    *("２026-03-01T12:00:00Z", "2026-03-01T12:00:00+99:00", "0001-01-01T00:00:00+01:00"),
]
BAD_VALUES = {
    "status": ["", "success", "SUCCESS,FAILED", "SUCCEEDED"],
    "gateway": ["", "nobody", "MOCK", "mock "],
    "currency": ["", "inr", "XXX", "INRX", "XAU", "İNR"],
    "reference": ["", " ", "x" * 256, "a\nb"],
    "amount_min": BAD_AMOUNTS,
    "amount_max": BAD_AMOUNTS,
    "created_after": BAD_MOMENTS,
    "created_before": BAD_MOMENTS,
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD_VALUES.items() for value in values]
)
def test_a_value_is_refused_by_the_name_of_its_filter(name, value):
    answer = a_shop().get(PAYMENTS, **{name: value})

    assert problem(answer) == BAD
    assert answer.json()["errors"][0]["parameter"] == name


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_value_that_holds_a_nul_is_refused(name):
    assert problem(a_shop().get(PAYMENTS, **{name: "a\x00b"})) == BAD


@pytest.mark.parametrize(
    "chosen",
    [
        {"amount_min": "2", "amount_max": "1"},
        {"created_after": "2026-03-01T12:00:00Z", "created_before": "2026-03-01T11:59:59Z"},
    ],
)
def test_a_range_that_ends_before_it_begins_is_refused(chosen):
    assert problem(a_shop().get(PAYMENTS, **chosen)) == BAD


class TestACursor:
    @pytest.fixture
    def shop(self) -> Shop:
        shop = a_shop()
        for _ in range(3):
            shop.accepted()
        return shop

    @pytest.mark.parametrize(
        "other", [{}, {"status": "FAILED"}, {"status": "CREATED", "currency": "INR"}]
    )
    def test_is_refused_with_other_filters_than_it_was_made_with(self, shop, other):
        cursor = shop.get(PAYMENTS, limit="1", status="CREATED").json()["next"]

        assert problem(shop.get(PAYMENTS, cursor=cursor, **other)) == BAD

    def test_without_filters_is_refused_with_some(self, shop):
        cursor = shop.get(PAYMENTS, limit="1").json()["next"]

        assert problem(shop.get(PAYMENTS, cursor=cursor, status="CREATED")) == BAD

    def test_may_be_used_with_another_limit_and_other_expansions(self, shop):
        first = shop.get(PAYMENTS, limit="1", status="CREATED").json()

        rest = shop.get(
            PAYMENTS, limit="50", status="CREATED", cursor=first["next"], expand="refunds"
        ).json()

        assert len({one["id"] for one in first["results"] + rest["results"]}) == 3
        assert rest["next"] is None

    def test_of_another_list_is_refused(self, shop):
        payment = Payment.objects.first()
        assert payment
        cursor = shop.get(PAYMENTS, limit="1").json()["next"]

        assert problem(shop.get(f"{PAYMENTS}{payment.id}/refunds/", cursor=cursor)) == BAD


def test_what_changes_between_the_two_statements_is_not_shown_as_it_was(monkeypatch):
    shop = a_shop()
    stays, changes = shop.accepted(gateway="mock"), shop.accepted(gateway="mock")

    def choose_and_change(*args: Any) -> Any:
        found = rows(*args)
        rows("UPDATE payments_payment SET status = 'PROCESSING', version = 2 WHERE id = %s",
             [changes.id])  # fmt: skip
        return found

    monkeypatch.setattr(listing, "rows", choose_and_change)

    page = shop.get(PAYMENTS, status="CREATED").json()

    assert [one["id"] for one in page["results"]] == [str(stays.id)]


def test_a_page_is_two_statements_beside_that_of_the_key():
    shop = a_shop()
    for _ in range(3):
        shop.accepted()

    with CaptureQueriesContext(connection) as captured:
        shop.get(PAYMENTS, status="CREATED")

    assert len(captured.captured_queries) == 3
