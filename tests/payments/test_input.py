"""What a create refuses, and that a refusal leaves nothing behind."""

from typing import Any

import pytest

from core.money import MAX_AMOUNT
from tests.money import PAYMENTS, a_client, a_shop, problem
from tests.payments.test_creation import everything_written

pytestmark = pytest.mark.django_db

GOOD = {"amount": 1_000, "currency": "INR"}
FORM = (400, "validation-error")
VALUE = (422, "value-invalid")
AMOUNT = (422, "amount-invalid")
CURRENCY = (422, "currency-unsupported")
CARD = (422, "cardholder-data-not-accepted")

REFUSED = {
    "unknown member": ({"amonut": 1}, FORM),
    "read-only id": ({"id": "01900000-0000-7000-8000-000000000001"}, FORM),
    "read-only status": ({"status": "SUCCESS"}, FORM),
    "read-only amount_refunded": ({"amount_refunded": 0}, FORM),
    "read-only failure": ({"failure": None}, FORM),
    "read-only needs_review": ({"needs_review": False}, FORM),
    "read-only outcome_unknown_since": ({"outcome_unknown_since": None}, FORM),
    "read-only created_at": ({"created_at": "2026-01-01T00:00:00Z"}, FORM),
    "read-only updated_at": ({"updated_at": "2026-01-01T00:00:00Z"}, FORM),
    "amount as string": ({"amount": "1000"}, FORM),
    "amount as float": ({"amount": 1000.0}, FORM),
    "amount as boolean": ({"amount": True}, FORM),
    "amount as null": ({"amount": None}, FORM),
    "amount as list": ({"amount": [1000]}, FORM),
    "amount of nothing": ({"amount": 0}, AMOUNT),
    "amount below nothing": ({"amount": -1}, AMOUNT),
    "amount above the most": ({"amount": MAX_AMOUNT + 1}, AMOUNT),
    "amount beyond a bigint": ({"amount": 10**30}, AMOUNT),
    "currency in small letters": ({"currency": "inr"}, CURRENCY),
    "currency that is none": ({"currency": "XXX"}, CURRENCY),
    "currency with four decimals": ({"currency": "CLF"}, CURRENCY),
    "currency as number": ({"currency": 356}, FORM),
    "currency as null": ({"currency": None}, FORM),
    "gateway unknown": ({"gateway": "nobody"}, VALUE),
    "gateway as number": ({"gateway": 1}, FORM),
    "description too long": ({"description": "x" * 501}, VALUE),
    "description as number": ({"description": 5}, FORM),
    "reference too long": ({"reference": "x" * 256}, VALUE),
    "reference with a line": ({"reference": "a\nb"}, VALUE),
    "payment_method too long": ({"payment_method": "x" * 256}, VALUE),
    "return_url of another scheme": ({"return_url": "javascript:alert(1)"}, VALUE),
    "return_url with a password": ({"return_url": "https://a:b@shop.example/"}, VALUE),
    "metadata as list": ({"metadata": []}, FORM),
    "metadata nested": ({"metadata": {"a": {"b": "c"}}}, FORM),
    "metadata of numbers": ({"metadata": {"a": 1}}, FORM),
    "metadata of 51 members": ({"metadata": {str(n): "" for n in range(51)}}, VALUE),
    "metadata with a long name": ({"metadata": {"k" * 41: "v"}}, VALUE),
    "metadata with a long value": ({"metadata": {"k": "v" * 501}}, VALUE),
    "card number in a value": ({"description": "4242 4242 4242 4242"}, CARD),
    "card number in metadata": ({"metadata": {"note": "pay 5555555555554444 now"}}, CARD),
    "card number as token": ({"payment_method": "4111111111111111"}, CARD),
    "card number as amount": ({"amount": 4111111111111111}, CARD),
    "member named cvv": ({"cvv": "123"}, CARD),
}


def written() -> dict[str, int]:
    return {table: len(found) for table, found in everything_written().items() if found}


@pytest.mark.parametrize(("changed", "refusal"), REFUSED.values(), ids=REFUSED)
def test_a_create_is_refused_and_leaves_nothing(changed, refusal):
    answer = a_shop().post(PAYMENTS, {**GOOD, **changed}, Idempotency_Key="k")

    assert problem(answer) == refusal
    assert written() == {}


@pytest.mark.parametrize("member", ["amount", "currency"])
def test_a_create_needs(member):
    body = {name: value for name, value in GOOD.items() if name != member}

    answer = a_shop().post(PAYMENTS, body, Idempotency_Key="k")

    assert problem(answer) == FORM
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{member}"]
    assert written() == {}


RAW = {
    "nothing": (b"", FORM),
    "no JSON": (b"amount=1000", (400, "malformed-json")),
    "a list": (b"[]", FORM),
    "a member twice": (b'{"amount":1000,"amount":2000,"currency":"INR"}', (400, "malformed-json")),
    "an exponent": (b'{"amount":1e3,"currency":"INR"}', FORM),
    "NaN": (b'{"amount":NaN,"currency":"INR"}', (400, "malformed-json")),
    "too deep": (b"[" * 33 + b"]" * 33, (400, "malformed-json")),
    "a byte order mark": (b'\xef\xbb\xbf{"amount":1000,"currency":"INR"}', (400, "malformed-json")),
    "Latin-1": ('{"amount":1000,"currency":"INR","reference":"é"}'.encode("latin-1"),
                (400, "malformed-json")),
    "too much": (b'{"description":"' + b"x" * 66_000 + b'"}', (413, "payload-too-large")),
}  # fmt: skip


@pytest.mark.parametrize(("body", "refusal"), RAW.values(), ids=RAW)
def test_a_body_is_refused_that_is(body, refusal):
    answer = a_shop().post(PAYMENTS, body, Idempotency_Key="k")

    assert problem(answer) == refusal
    assert written() == {}


def test_a_form_is_refused():
    answer = a_shop().post(
        PAYMENTS, b"amount=1000&currency=INR", Idempotency_Key="k",
        content_type="application/x-www-form-urlencoded",
    )  # fmt: skip

    assert problem(answer) == (415, "unsupported-media-type")
    assert written() == {}


@pytest.mark.parametrize("amount", [1, MAX_AMOUNT])
def test_the_bounds_of_an_amount_are_taken(amount):
    assert a_shop().pay(amount).json()["amount"] == amount


@pytest.mark.parametrize("currency", ["JPY", "INR", "KWD"])
def test_currencies_of_no_two_and_three_decimals_are_taken(currency):
    assert a_shop().pay(1_000, currency).json()["currency"] == currency


def test_the_most_of_everything_is_taken():
    most: dict[str, Any] = {
        "description": "x" * 500,
        "reference": "r" * 255,
        "metadata": {f"{n:040d}": "v" * 500 for n in range(1, 51)},
    }

    answer = a_shop().pay(**most)

    assert answer.status_code == 201, answer.content
    assert {name: answer.json()[name] for name in most} == most


def test_a_refusal_points_at_every_fault():
    answer = a_shop().post(PAYMENTS, {"amount": "1", "currency": 2, "x": 3}, Idempotency_Key="k")

    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"/amount", "/currency", "/x"}


def test_a_card_number_is_not_echoed(lines):
    answer = a_shop().post(PAYMENTS, {**GOOD, "reference": "4242424242424242"}, Idempotency_Key="k")

    assert b"4242424242424242" not in answer.content
    assert "4242424242424242" not in lines.getvalue()


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_payments_have_no_other_verbs(method):
    shop = a_shop()
    path = f"{PAYMENTS}{shop.accepted().id}/"

    answer = getattr(a_client(), method)(path, headers={"X-API-KEY": shop.secret})

    assert problem(answer) == (405, "method-not-allowed")
    assert "GET" in answer["Allow"]
