"""The refunds of a payment at an address of their own: asked for and read there."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateways.base import declined
from payments.models import Payment, Refund
from tests.money import PAYMENTS, Answer, Shop, a_client, a_shop, drain, problem, reciting
from tests.payments.dashboard import made

pytestmark = pytest.mark.django_db

GONE = (404, "not-found")


def address(payment: Payment) -> str:
    return f"{PAYMENTS}{payment.id}/refunds/"


def ask(shop: Shop, payment: Payment, *, key: str = "", **asked: object) -> Answer:
    headers = {"Idempotency_Key": key} if key else {}
    return shop.post(address(payment), asked or None, **headers)


class TestAskingThere:
    def test_for_a_part_is_answered_as_at_the_other_address(self):
        shop = a_shop()
        payment = shop.sold(1_000)

        there = ask(shop, payment, key="a", amount=300, reason="broken")
        here = shop.refund(payment, key="b", amount=300, reason="broken")

        assert (there.status_code, there["Location"]) == (
            201,
            f"/api/refunds/{there.json()['id']}/",
        )
        differing = {"id": "", "created_at": ""}
        assert there.json() | differing == here.json() | differing
        assert shop.get(there["Location"]).json() == there.json()

    def test_for_a_part_needs_a_key(self):
        shop = a_shop()

        answer = ask(shop, shop.sold(), amount=1)

        assert problem(answer) == (400, "idempotency-key-missing")
        assert not Refund.objects.exists()

    def test_for_the_rest_needs_none_and_is_answered_with_itself(self):
        shop = a_shop()
        payment = shop.sold(1_000)

        first, again, here = ask(shop, payment), ask(shop, payment), shop.refund(payment)

        assert [one.status_code for one in (first, again, here)] == [201, 200, 200]
        assert first.content == again.content == here.content

    def test_by_the_same_key_is_answered_by_the_same_bytes(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        first = ask(shop, payment, key="a", amount=300)

        again = ask(shop, payment, key="a", amount=300)
        elsewhere = shop.refund(payment, key="a", amount=300)

        assert again.content == first.content
        assert again["Idempotency-Replayed"] == "true"
        assert problem(elsewhere) == (422, "idempotency-key-reused")

    def test_for_more_than_is_left_is_refused(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        ask(shop, payment, key="a", amount=600)

        answer = ask(shop, payment, key="b", amount=401)

        assert problem(answer) == (422, "refund-exceeds-captured")
        assert answer.json()["refundable"] == 400

    def test_of_a_payment_that_was_not_charged_is_refused(self):
        shop = a_shop()

        assert problem(ask(shop, shop.accepted())) == (409, "invalid-state")

    def test_for_a_refund_that_fails_gives_its_room_back(self, settings):
        shop = a_shop()
        payment = shop.sold(1_000)
        reciting(settings, declined("no"))
        failed = ask(shop, payment, key="a", amount=600).json()
        full = problem(ask(shop, payment, key="b", amount=600))

        drain()

        payment.refresh_from_db()
        assert full == (422, "refund-exceeds-captured")
        assert shop.get(f"/api/refunds/{failed['id']}/").json()["status"] == "FAILED"
        assert payment.amount_refund_held == 0
        assert ask(shop, payment, key="c", amount=1_000).status_code == 201

    def test_needs_the_right_to_refund(self):
        shop = a_shop()
        payment = shop.sold()
        reader = a_shop(scopes=("payments:read",), merchant=shop.merchant)

        assert problem(ask(reader, payment)) == (403, "forbidden-scope")
        assert reader.get(address(payment)).status_code == 200


class TestTheList:
    def test_has_the_newest_first_page_by_page(self):
        shop = a_shop()
        payment, other = shop.sold(1_000), shop.sold(1_000)
        ids = [ask(shop, payment, key=f"k{n}", amount=1).json()["id"] for n in range(5)]
        ask(shop, other)
        pages: list[list[str]] = []
        query = {"limit": "2"}

        while not pages or "cursor" in query:
            page = shop.get(address(payment), **query).json()
            pages.append([one["id"] for one in page["results"]])
            query = {"limit": "2", **({"cursor": page["next"]} if page["next"] else {})}

        assert pages == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]

    def test_shows_refunds_as_one_by_one(self):
        shop = a_shop()
        payment = shop.sold()
        refund = ask(shop, payment, key="k", amount=5, reason="broken").json()
        drain()

        page = shop.get(address(payment)).json()

        one = shop.get(f"/api/refunds/{refund['id']}/").json()
        assert page == {"results": [one], "next": None}
        assert one["status"] == "SUCCEEDED"

    def test_has_those_that_were_made_at_the_provider(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        made(payment)
        drain()

        (refund,) = shop.get(address(payment)).json()["results"]

        assert (refund["origin"], refund["status"]) == ("provider", "SUCCEEDED")

    def test_is_empty_where_there_is_none(self):
        shop = a_shop()

        assert shop.get(address(shop.accepted())).json() == {"results": [], "next": None}

    @pytest.mark.parametrize("query", [{"status": "FAILED"}, {"limit": "0"}, {"cursor": "x"}])
    def test_refuses_what_it_does_not_know(self, query):
        shop = a_shop()

        answer = shop.get(address(shop.accepted()), **query)

        assert problem(answer) == (400, "validation-error")

    def test_of_one_payment_takes_no_cursor_of_another(self):
        shop = a_shop()
        payment, other = shop.sold(), shop.sold()
        for n in range(2):
            ask(shop, payment, key=f"k{n}", amount=1)
        cursor = shop.get(address(payment), limit="1").json()["next"]

        answer = shop.get(address(other), cursor=cursor)

        assert problem(answer) == (400, "validation-error")


def test_a_list_is_three_statements_however_many_refunds_there_are():
    shop = a_shop()
    payment = shop.sold(1_000)
    for n in range(5):
        ask(shop, payment, key=f"k{n}", amount=1)

    with CaptureQueriesContext(connection) as captured:
        shop.get(address(payment))

    assert len(captured.captured_queries) == 3


def test_another_merchants_payment_or_the_other_modes_is_not_there():
    shop = a_shop()
    payment = shop.sold()
    strangers = [a_shop(), a_shop(mode="live", merchant=shop.merchant)]

    reads = [one.get(address(payment)) for one in strangers]
    writes = [ask(one, payment) for one in strangers]

    assert [problem(answer) for answer in reads + writes] == [GONE] * 4


@pytest.mark.parametrize("payment", [str(uuid4()), "7"])
def test_the_refunds_of_what_never_was_are_not_there(payment):
    assert problem(a_shop().get(f"{PAYMENTS}{payment}/refunds/")) == GONE


def test_a_browser_sees_the_list_and_the_payments_with_theirs():
    shop = a_shop()
    payment = shop.sold()
    ask(shop, payment)
    headers = {"X-API-KEY": shop.secret, "Accept": "text/html"}

    pages = [
        a_client().get(path, query, headers=headers)
        for path, query in ((address(payment), {}), (PAYMENTS, {"expand": "refunds"}))
    ]

    assert [page.status_code for page in pages] == [200, 200]
    assert all(str(payment.id) in page.content.decode() for page in pages)
