"""What comes with a payment if it is asked for, at one more statement for a whole page."""

import json
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateways.base import Outcome, OutcomeKind, declined
from payments import expanding
from payments.models import Attempt, Payment
from tests.money import PAYMENTS, Shop, a_shop, begin, drain, problem, reciting, run_due

pytestmark = pytest.mark.django_db

SILENCE = Outcome(kind=OutcomeKind.UNKNOWN, code="timeout", message="Nobody answered in time.")


def read(shop: Shop, payment: Payment, expand: str) -> dict[str, object]:
    return dict(shop.get(f"{PAYMENTS}{payment.id}/", expand=expand).json())


def queries(shop: Shop, path: str, **query: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert shop.get(path, **query).status_code == 200
    return len(captured.captured_queries)


class TestRefunds:
    def test_are_shown_newest_first_as_each_is_read(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        ids = [shop.refund(payment, key=f"k{n}", amount=n).json()["id"] for n in (1, 2)]

        refunds = read(shop, payment, "refunds")["refunds"]

        one_by_one = [shop.get(f"/api/refunds/{refund}/").json() for refund in reversed(ids)]
        assert refunds == {"results": one_by_one, "next": None}

    def test_are_none_where_there_is_none(self):
        shop = a_shop()

        assert read(shop, shop.accepted(), "refunds")["refunds"] == {"results": [], "next": None}

    def test_are_each_payments_own(self):
        shop = a_shop()
        payments = [shop.sold(), shop.sold(), shop.accepted()]
        ids = [shop.refund(payment).json()["id"] for payment in payments[:2]]

        page = shop.get(PAYMENTS, expand="refunds").json()["results"]

        shown = [[one["id"] for one in payment["refunds"]["results"]] for payment in page]
        assert shown == [[], [ids[1]], [ids[0]]]

    def test_beyond_the_newest_are_read_by_the_cursor_that_comes_with_them(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        count = expanding.REFUNDS_SHOWN + 2
        ids = [shop.refund(payment, key=f"k{n}", amount=1).json()["id"] for n in range(count)]

        refunds = shop.get(f"{PAYMENTS}{payment.id}/", expand="refunds").json()["refunds"]
        rest = shop.get(f"{PAYMENTS}{payment.id}/refunds/", cursor=refunds["next"]).json()

        shown = [one["id"] for one in refunds["results"] + rest["results"]]
        assert shown == ids[::-1]
        assert len(refunds["results"]) == expanding.REFUNDS_SHOWN
        assert rest["next"] is None


class TestTheLatestAttempt:
    def test_is_null_before_any_was_made(self):
        shop = a_shop()

        assert read(shop, shop.accepted(), "latest_attempt")["latest_attempt"] is None

    def test_is_shown_while_it_is_not_answered(self):
        shop = a_shop()
        payment = shop.accepted()
        begin(payment)

        attempt = read(shop, payment, "latest_attempt")["latest_attempt"]

        made = Attempt.objects.get()
        created = made.intended_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert attempt == {
            "id": str(made.id),
            "operation": "charge",
            "refund": None,
            "kind": "send",
            "outcome": None,
            "code": None,
            "created_at": created,
            "answered_at": None,
        }

    def test_says_how_it_ended_and_nothing_in_the_providers_words(self, settings):
        shop = a_shop()
        reciting(settings, declined("do_not_honor", "Words of the provider."))
        payment = shop.accepted()
        drain()

        answer = shop.get(f"{PAYMENTS}{payment.id}/", expand="latest_attempt").json()

        attempt, made = answer["latest_attempt"], Attempt.objects.get()
        assert (attempt["outcome"], attempt["code"]) == ("declined", "do_not_honor")
        assert attempt["answered_at"] is not None
        assert "Words" not in json.dumps(attempt)
        assert made.provider_key not in json.dumps(answer)

    def test_is_that_of_a_refund_if_that_was_the_last(self):
        shop = a_shop()
        payment = shop.sold()
        refund = shop.refund(payment).json()["id"]
        drain()

        attempt = shop.get(f"{PAYMENTS}{payment.id}/", expand="latest_attempt").json()[
            "latest_attempt"
        ]

        assert (attempt["operation"], attempt["refund"]) == ("refund", refund)

    def test_is_the_last_of_several(self, settings):
        shop = a_shop()
        reciting(settings, SILENCE)
        payment = shop.accepted()
        run_due()
        first = shop.get(f"{PAYMENTS}{payment.id}/", expand="latest_attempt").json()
        Attempt.objects.create(
            operation=payment.operations.get(), kind="ask", provider_key="k",
            message_id=UUID(int=1), epoch=1,
        )  # fmt: skip

        second = shop.get(f"{PAYMENTS}{payment.id}/", expand="latest_attempt").json()

        assert first["latest_attempt"]["kind"] == "send"
        assert second["latest_attempt"]["kind"] == "ask"


def test_both_come_with_a_page_and_the_rest_of_a_payment_is_as_ever():
    shop = a_shop()
    shop.sold(reference="r", metadata={"a": "b"})

    (plain,) = shop.get(PAYMENTS).json()["results"]
    (both,) = shop.get(PAYMENTS, expand="refunds,latest_attempt").json()["results"]

    assert list(both) == [*plain, "refunds", "latest_attempt"]
    assert {name: both[name] for name in plain} == plain


@pytest.mark.parametrize(
    ("expand", "more"), [("refunds", 1), ("latest_attempt", 1), ("latest_attempt,refunds", 2)]
)
def test_an_expansion_is_one_more_statement_however_many_payments_there_are(expand, more):
    shop = a_shop()
    for n in range(4):
        payment = shop.sold(1_000)
        shop.refund(payment, key=f"a{n}", amount=1)
        shop.refund(payment, key=f"b{n}", amount=2)
    drain()
    path = f"{PAYMENTS}{payment.id}/"

    assert queries(shop, PAYMENTS, expand=expand) == queries(shop, PAYMENTS) + more
    assert queries(shop, path, expand=expand) == queries(shop, path) + more


@pytest.mark.parametrize("path", [PAYMENTS, "one"])
@pytest.mark.parametrize("expand", ["", "refund", "refunds,", "refunds,events", " refunds", "*"])
def test_what_cannot_be_expanded_is_refused(path, expand):
    shop = a_shop()
    path = f"{PAYMENTS}{shop.accepted().id}/" if path == "one" else path

    answer = shop.get(path, expand=expand)

    assert problem(answer) == (400, "validation-error")
    assert answer.json()["errors"][0]["parameter"] == "expand"


@pytest.mark.parametrize("query", ["?expnad=refunds", "?expand=refunds&expand=refunds", "?limit=1"])
def test_an_unknown_or_repeated_parameter_of_one_payment_is_refused(query):
    shop = a_shop()

    answer = shop.get(f"{PAYMENTS}{shop.accepted().id}/{query}")

    assert problem(answer) == (400, "validation-error")
