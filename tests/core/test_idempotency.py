"""One key, one answer."""

from datetime import UTC, datetime

import pytest

from core.models import ApiKey, IdempotencyRecord
from tests.money import PAYMENTS, Shop, a_client, a_shop, drain, problem

pytestmark = pytest.mark.django_db

BODY = {"amount": 1_000, "currency": "INR"}
INVALID = (400, "idempotency-key-invalid")
REUSED = (422, "idempotency-key-reused")


def post(shop: Shop, key: str, body: object = None, path: str = PAYMENTS):
    return shop.post(path, BODY if body is None else body, Idempotency_Key=key)


def assert_replayed(again, first) -> None:
    assert again.status_code == first.status_code
    assert again.content == first.content
    assert again.get("Location") == first.get("Location")
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first


def test_a_create_needs_a_key():
    answer = a_shop().post(PAYMENTS, BODY)

    assert problem(answer) == (400, "idempotency-key-missing")


@pytest.mark.parametrize(
    "key", ["", '""', "a b", "k" * 256, "schlüssel", "a/b", "a,b", '"a', 'a"', "a;b", '"', "a\tb"]
)
def test_a_key_is_refused_that_is(key):
    shop = a_shop()

    assert problem(post(shop, key)) == INVALID
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize("key", ["a", "k" * 255, "AZaz09_-.:~", '"quoted"'])
def test_a_key_is_taken_that_is(key):
    assert post(a_shop(), key).status_code == 201


def test_two_header_lines_are_refused():
    # A server joins them with a comma (RFC 9110 §5.3).
    assert problem(post(a_shop(), "one,two")) == INVALID
    assert problem(post(a_shop(), '"one", "two"')) == INVALID


def test_the_same_request_is_answered_with_the_same_bytes():
    shop = a_shop()
    first = post(shop, "k")

    assert_replayed(post(shop, "k"), first)
    assert IdempotencyRecord.objects.count() == 1


def test_a_quoted_key_is_the_bare_one():
    shop = a_shop()
    first = post(shop, "k")

    assert_replayed(post(shop, '"k"'), first)


def test_white_space_and_order_do_not_matter():
    shop = a_shop()
    first = post(shop, "k")

    assert_replayed(post(shop, "k", b'{ "currency" :"INR",\n"amount": 1000 }'), first)


@pytest.mark.parametrize(
    "body",
    [
        {**BODY, "amount": 1_001},
        {**BODY, "currency": "USD"},
        {**BODY, "reference": "r"},
        {**BODY, "metadata": {}},
    ],
)
def test_a_key_used_for_another_body_is_refused(body):
    shop = a_shop()
    first = post(shop, "k")

    assert problem(post(shop, "k", body)) == REUSED
    assert_replayed(post(shop, "k"), first)


def test_a_key_used_on_another_route_is_refused():
    shop = a_shop()
    payment = shop.sold()
    post(shop, "create")
    shop.refund(payment, key="refund", amount=100)

    assert problem(shop.refund(payment, key="create", amount=100)) == REUSED
    assert problem(post(shop, "refund")) == REUSED


def test_a_key_used_on_another_payment_is_refused():
    shop = a_shop()
    one, other = shop.sold(), shop.sold()
    shop.refund(one, key="k", amount=100)

    assert problem(shop.refund(other, key="k", amount=100)) == REUSED


def test_a_key_used_with_another_query_is_refused():
    shop = a_shop()
    post(shop, "k")

    assert problem(post(shop, "k", path=f"{PAYMENTS}?a=1")) == REUSED


def test_a_rotated_api_key_replays():
    shop = a_shop()
    first = post(shop, "k")
    rotated = a_shop(merchant=shop.merchant)
    ApiKey.objects.filter(id=shop.api_key.id).update(revoked_at=datetime.now(UTC))

    assert_replayed(post(rotated, "k"), first)


def test_the_replay_still_says_what_was_said_then():
    shop = a_shop()
    first = post(shop, "k")

    drain()

    assert_replayed(post(shop, "k"), first)
    assert first.json()["status"] == "CREATED"


class TestARefusalOfTheState:
    def test_is_stored_and_replayed(self):
        shop = a_shop()
        payment = shop.accepted()
        first = shop.refund(payment, key="k", amount=100)
        drain()

        again = shop.refund(payment, key="k", amount=100)

        assert problem(first) == (409, "invalid-state")
        assert_replayed(again, first)
        assert [answer["Cache-Control"] for answer in (first, again)] == ["no-store"] * 2

    def test_of_the_amount_is_stored_and_replayed(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        first = shop.refund(payment, key="k", amount=1_001)

        assert problem(first) == (422, "refund-exceeds-captured")
        assert first.json()["refundable"] == 1_000
        assert_replayed(shop.refund(payment, key="k", amount=1_001), first)

    def test_is_not_stored_where_nothing_was_found(self):
        shop = a_shop()
        missing = f"{PAYMENTS}01900000-0000-7000-8000-000000000001/refund/"

        answer = shop.post(missing, {"amount": 1}, Idempotency_Key="k")

        assert problem(answer) == (404, "not-found")
        assert not IdempotencyRecord.objects.exists()


def test_a_refusal_of_the_form_leaves_the_key_free():
    shop = a_shop()

    refused = post(shop, "k", {"amount": "1000", "currency": "INR"})

    assert refused.status_code == 400
    assert post(shop, "k").status_code == 201


def test_a_refusal_of_a_value_leaves_the_key_free():
    shop = a_shop()

    refused = post(shop, "k", {"amount": 0, "currency": "INR"})

    assert refused.status_code == 422
    assert post(shop, "k").status_code == 201


def test_nobody_leaves_no_record():
    a_client().post(PAYMENTS, BODY, content_type="application/json",
                    headers={"Idempotency-Key": "k"})  # fmt: skip

    assert not IdempotencyRecord.objects.exists()


def test_the_body_is_kept_as_a_fingerprint_only():
    post(a_shop(), "k", {**BODY, "return_url": "https://shop.example/secret-path"})

    record = IdempotencyRecord.objects.values_list().get()

    assert all("secret-path" not in str(value) for value in record)


def test_a_read_ignores_the_header():
    shop = a_shop()

    answer = a_client().get(PAYMENTS, headers={"X-API-KEY": shop.secret, "Idempotency-Key": "a b"})

    assert answer.status_code == 200
