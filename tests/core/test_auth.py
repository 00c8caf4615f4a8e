"""Who is let in, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.auth import _listed
from core.models import ApiKey, Merchant
from payments.models import Payment
from tests.money import PAYMENTS, Shop, a_client, a_shop, problem

pytestmark = pytest.mark.django_db

NOBODY = (401, "unauthenticated")


def revoke(shop: Shop) -> None:
    ApiKey.objects.filter(id=shop.api_key.id).update(revoked_at=datetime.now(UTC))


def expire(shop: Shop) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    ApiKey.objects.filter(id=shop.api_key.id).update(expires_at=past)


def suspend(shop: Shop) -> None:
    Merchant.objects.filter(id=shop.merchant.id).update(status="suspended")


def close(shop: Shop) -> None:
    Merchant.objects.filter(id=shop.merchant.id).update(status="closed")


@pytest.mark.parametrize("end", [revoke, expire, suspend, close])
class TestAKeyThatIsNoLongerGood:
    def test_creates_nothing_though_it_is_remembered(self, end):
        shop = a_shop()
        shop.accepted()
        end(shop)

        with CaptureQueriesContext(connection) as captured:
            answer = shop.pay()

        assert problem(answer) == NOBODY
        assert len(captured.captured_queries) == 1

    def test_reads_nothing(self, end):
        shop = a_shop()
        payment = shop.accepted()
        end(shop)

        assert problem(shop.get(f"{PAYMENTS}{payment.id}/")) == NOBODY

    def test_refunds_nothing(self, end):
        shop = a_shop()
        payment = shop.sold()
        end(shop)

        assert problem(shop.refund(payment)) == NOBODY

    def test_replays_nothing(self, end):
        shop = a_shop()
        shop.pay(key="k")
        end(shop)

        assert problem(shop.pay(key="k")) == NOBODY

    def test_stays_refused(self, end):
        shop = a_shop()
        shop.accepted()
        end(shop)
        shop.pay()

        assert problem(shop.pay()) == NOBODY


class TestARememberedKeyThatChanged:
    def test_loses_a_scope_at_once(self):
        shop = a_shop()
        shop.accepted()
        ApiKey.objects.filter(id=shop.api_key.id).update(scopes=["payments:read"])

        assert problem(shop.pay()) == (403, "forbidden-scope")
        assert Payment.objects.count() == 1

    def test_replays_nothing_without_the_scope(self):
        shop = a_shop()
        shop.pay(key="k")
        ApiKey.objects.filter(id=shop.api_key.id).update(scopes=[])

        assert problem(shop.pay(key="k")) == (403, "forbidden-scope")

    def test_gains_a_scope_and_is_looked_up_once_for_it(self):
        shop = a_shop(scopes=("payments:write",))
        shop.accepted()
        ApiKey.objects.filter(id=shop.api_key.id).update(scopes=["*", "payments:write"])

        with CaptureQueriesContext(connection) as captured:
            answers = [shop.pay(), shop.pay()]

        assert [answer.status_code for answer in answers] == [201, 201]
        assert len(captured.captured_queries) == 4

    def test_is_the_same_with_its_scopes_in_another_order(self):
        shop = a_shop(scopes=("payments:write", "balance:read"))
        shop.accepted()
        ApiKey.objects.filter(id=shop.api_key.id).update(scopes=["balance:read", "payments:write"])

        with CaptureQueriesContext(connection) as captured:
            shop.accepted()

        assert len(captured.captured_queries) == 2

    def test_pays_by_its_merchants_new_gateway(self):
        shop = a_shop()
        shop.accepted()
        Merchant.objects.filter(id=shop.merchant.id).update(default_gateway="mock_failure")

        assert shop.pay().json()["gateway"] == "mock_failure"


def test_a_key_expires_by_the_databases_clock_and_not_before():
    shop = a_shop()
    soon = datetime.now(UTC) + timedelta(hours=1)
    ApiKey.objects.filter(id=shop.api_key.id).update(expires_at=soon)

    assert shop.pay().status_code == 201


@pytest.mark.parametrize("secret", ["", "wrong", "x" * 5_000, "schlüssel", "test_api_key"])
def test_a_key_is_refused_that_is(secret):
    answer = a_client().get(PAYMENTS, headers={"X-API-KEY": secret})

    assert problem(answer) == NOBODY
    assert "X-API-KEY" in answer["WWW-Authenticate"]


def test_a_missing_key_is_refused():
    answer = a_client().get(PAYMENTS)

    assert problem(answer) == NOBODY


def test_a_key_with_something_after_it_is_another_key():
    shop = a_shop()
    longer = Shop(shop.merchant, shop.api_key, shop.secret + "x" * 500)

    assert problem(longer.get(PAYMENTS)) == NOBODY


SCOPED = {
    "payments:read": [200, 200, 403, 403, 403],
    "payments:write": [403, 403, 201, 403, 403],
    "refunds:write": [403, 403, 403, 201, 403],
    "balance:read": [403, 403, 403, 403, 200],
}


@pytest.mark.parametrize(("scope", "statuses"), SCOPED.items())
def test_a_scope_opens_its_own_doors_only(scope, statuses):
    owner = a_shop()
    payment = owner.sold()
    shop = a_shop(scopes=(scope,), merchant=owner.merchant)

    answers = [
        shop.get(PAYMENTS),
        shop.get(f"{PAYMENTS}{payment.id}/"),
        shop.pay(),
        shop.refund(payment),
        shop.get("/api/balance/"),
    ]

    assert [answer.status_code for answer in answers] == statuses


@pytest.mark.parametrize("scopes", ['"*"', '{"*": false}', "null", "7", '["*", 1]', "[null]"])
def test_scopes_that_are_no_list_of_texts_grant_nothing(scopes):
    # PostgreSQL refuses to store them; another database may not.
    assert _listed(scopes) == []


def test_a_refused_scope_is_a_problem_and_spends_no_key():
    shop = a_shop(scopes=("payments:read",))
    answer = shop.pay(key="k")

    assert problem(answer) == (403, "forbidden-scope")
    assert a_shop(merchant=shop.merchant).pay(key="k").status_code == 201


def test_only_the_digest_of_a_key_is_kept():
    shop = a_shop()

    columns = ApiKey.objects.filter(id=shop.api_key.id).values_list().get()

    assert all(shop.secret not in str(value) for value in columns)
