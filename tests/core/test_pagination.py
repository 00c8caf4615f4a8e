"""Lists: newest first, page by page."""

import pytest

from core.db import rows
from core.pagination import ranged
from payments.models import Payment
from tests.money import PAYMENTS, Shop, a_shop, problem

pytestmark = pytest.mark.django_db

BAD = (400, "validation-error")


def read_pages(shop: Shop, limit: int, first: str | None = None) -> list[list[str]]:
    """Follow the cursor to the end."""
    pages: list[list[str]] = []
    cursor = first
    while cursor or not pages:
        query = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
        page = shop.get(PAYMENTS, **query).json()
        pages.append([one["id"] for one in page["results"]])
        cursor = page["next"]
    return pages


def test_the_newest_comes_first_and_every_one_comes_once():
    shop = a_shop()
    ids = [str(shop.accepted().id) for _ in range(5)]

    pages = read_pages(shop, 2)

    assert pages == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]


def test_a_full_last_page_has_no_next():
    shop = a_shop()
    ids = [str(shop.accepted().id) for _ in range(2)]

    assert read_pages(shop, 2) == [[ids[1], ids[0]]]


def test_what_is_added_meanwhile_moves_nothing():
    shop = a_shop()
    ids = [str(shop.accepted().id) for _ in range(4)]
    first = shop.get(PAYMENTS, limit="2").json()

    shop.accepted()

    assert read_pages(shop, 2, first["next"]) == [[ids[1], ids[0]]]


def test_a_page_shows_payments_as_one_by_one():
    shop = a_shop()
    payment = shop.accepted(reference="r", metadata={"a": "b"})

    (listed,) = shop.get(PAYMENTS).json()["results"]

    assert listed == shop.get(f"{PAYMENTS}{payment.id}/").json()


def test_twenty_come_unless_more_are_asked_for():
    shop = a_shop()
    for _ in range(21):
        shop.accepted()

    sizes = [len(shop.get(PAYMENTS, **query).json()["results"]) for query in ({}, {"limit": "100"})]

    assert sizes == [20, 21]


@pytest.mark.parametrize(
    "limit",
    ["0", "101", "-1", "1.5", "ten", "", "١", "1" * 40, " 1", "+1",
     "00000000111", "000000001" + "1" * 5_000],
)  # fmt: skip
def test_a_limit_is_refused_that_is(limit):
    assert problem(a_shop().get(PAYMENTS, limit=limit)) == BAD


def test_an_unknown_parameter_is_refused_by_name():
    answer = a_shop().get(PAYMENTS, offset="3")

    assert problem(answer) == BAD
    assert answer.json()["errors"][0]["parameter"] == "offset"


def test_a_parameter_given_twice_is_refused():
    assert problem(a_shop().get(f"{PAYMENTS}?limit=1&limit=2")) == BAD


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: c + "A", lambda c: c[::-1]])
def test_a_tampered_cursor_is_refused(change):
    shop = a_shop()
    shop.accepted()
    shop.accepted()
    cursor = shop.get(PAYMENTS, limit="1").json()["next"]

    assert problem(shop.get(PAYMENTS, cursor=change(cursor))) == BAD


@pytest.mark.parametrize("cursor", ["", "x", "01900000-0000-7000-8000-000000000001", "é:x:y"])
def test_what_never_was_a_cursor_is_refused(cursor):
    assert problem(a_shop().get(PAYMENTS, cursor=cursor)) == BAD


def test_a_page_is_one_range_of_the_index():
    shop = a_shop()
    for _ in range(3):
        shop.accepted()
    rows("SET LOCAL enable_seqscan = off")
    rows("SET LOCAL enable_sort = off")
    scope = {"merchant_id": shop.merchant.id, "mode": "test"}

    text = ranged(Payment.objects.all(), scope, shop.api_key.id)[:21].explain()

    assert "payment_of_merchant" in text
    assert "Index Cond: ((ROW(merchant_id, mode, id) >= ROW(" in text
    assert "Sort" not in text
    assert "Filter" not in text
