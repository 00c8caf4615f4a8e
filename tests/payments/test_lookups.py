"""A merchant whose answer was lost asks by its key, and gets in nobody's way."""

from contextlib import closing
from uuid import uuid4

import pytest

from core.auth import find_principal, key_digest
from core.idempotency import Claim
from tests.money import a_shop, drain, problem

pytestmark = pytest.mark.usefixtures("committed_db")

KEYS = "/api/idempotency-keys/"


def look(shop, key):
    return shop.get(f"{KEYS}{key}/")


def lock_number(shop, key):
    return Claim(find_principal(key_digest(shop.secret)), key, "").lock_number


@pytest.fixture
def other(committed_db):
    with closing(committed_db.connect()) as connection:
        yield connection


def hold(other, number):
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return cursor.fetchone()[0]


class TestDone:
    def test_says_what_was_made_and_answered(self):
        shop = a_shop()
        created = shop.pay(500, key="order-7")

        found = look(shop, "order-7")

        payment = created.json()
        assert (found.status_code, found.json()) == (
            200,
            {
                "status": "done",
                "resource": {
                    "type": "payment",
                    "id": payment["id"],
                    "url": f"/api/payments/{payment['id']}/",
                },
                "response": {"status": 201, "body": payment},
            },
        )

    def test_answers_as_it_was_then(self):
        shop = a_shop()
        created = shop.pay(500, key="order-7").json()
        drain()

        found = look(shop, "order-7").json()

        assert found["response"]["body"] == created
        assert created["status"] == "CREATED"

    def test_knows_refunds(self):
        shop = a_shop()
        payment = shop.sold()
        refund = shop.refund(payment, amount=5, key="back~1").json()

        found = look(shop, "back~1").json()

        assert found["resource"] == {
            "type": "refund",
            "id": refund["id"],
            "url": f"/api/refunds/{refund['id']}/",
        }

    def test_knows_refusals_that_are_final(self):
        shop = a_shop()
        payment = shop.accepted()
        refused = shop.refund(payment, amount=5, key="too-soon")

        found = look(shop, "too-soon").json()

        assert (found["status"], found["resource"]) == ("done", None)
        assert found["response"] == {"status": 409, "body": refused.json()}


class TestInProgress:
    def test_is_said_while_the_request_runs(self, other):
        shop = a_shop()
        hold(other, lock_number(shop, "order-7"))

        running = look(shop, "order-7")
        other.rollback()
        gone = look(shop, "order-7")

        assert (running.status_code, running.json()) == (
            200,
            {"status": "in_progress", "resource": None, "response": None},
        )
        assert problem(gone) == (404, "not-found")

    @pytest.mark.parametrize("number", range(40))
    def test_is_said_whatever_bits_the_lock_has(self, other, number):
        shop = a_shop()
        key = f"order-{number}-{uuid4()}"
        hold(other, lock_number(shop, key))

        assert look(shop, key).json()["status"] == "in_progress"

    def test_is_not_said_of_another_lock(self, other):
        shop = a_shop()
        hold(other, lock_number(shop, "order-8"))

        assert problem(look(shop, "order-7")) == (404, "not-found")

    def test_takes_no_lock_itself(self, other, committed_db):
        shop = a_shop()
        number = lock_number(shop, "order-7")
        with closing(committed_db.connect()) as watcher, watcher.cursor() as cursor:
            look(shop, "order-7")

            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            assert cursor.fetchone() == (0,)
        assert hold(other, number) is True


class TestUnknown:
    def test_is_a_key_that_nobody_used(self):
        assert problem(look(a_shop(), "order-7")) == (404, "not-found")

    def test_is_a_key_of_another_merchant_or_mode(self, other):
        shop = a_shop()
        live = a_shop(mode="live", merchant=shop.merchant)
        shop.pay(500, key="order-7")
        hold(other, lock_number(shop, "order-8"))

        found = [
            problem(look(one, key)) for one in (a_shop(), live) for key in ("order-7", "order-8")
        ]

        assert found == [(404, "not-found")] * 4

    @pytest.mark.parametrize("key", ["a b", "ü", "x" * 256])
    def test_is_not_what_no_key_can_be(self, key):
        assert problem(look(a_shop(), key)) == (400, "idempotency-key-invalid")

    def test_is_what_a_key_without_the_scope_sees(self):
        shop = a_shop(scopes=("events:read",))

        assert problem(look(shop, "order-7")) == (403, "forbidden-scope")
