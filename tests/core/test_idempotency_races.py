"""The same key from two connections at once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db.transaction import set_rollback

from core.db import rows, transaction
from tests.conftest import Database
from tests.money import Shop, a_shop, elsewhere, owning, problem, waiting_for_lock

pytestmark = pytest.mark.usefixtures("committed_db")

BUSY = (409, "idempotency-in-progress")
GATE = 77


def count(table: str) -> int:
    return int(rows(f"SELECT count(*) FROM {table}")[0][0])


def paid_elsewhere(shop: Shop, **asked: object):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(elsewhere, shop.pay, **asked).result()


def test_a_duplicate_of_a_running_create_is_told_to_come_back():
    shop = a_shop()

    with transaction():
        first = shop.pay(key="k")
        duplicate = paid_elsewhere(shop, key="k")
    replayed = shop.pay(key="k")

    assert problem(duplicate) == BUSY
    assert duplicate["Retry-After"] == "1"
    assert replayed.content == first.content
    assert replayed["Idempotency-Replayed"] == "true"
    assert count("payments_payment") == 1


def test_another_body_under_a_running_key_is_busy_first_and_refused_later():
    shop = a_shop()

    with transaction():
        shop.pay(1_000, key="k")
        early = paid_elsewhere(shop, amount=2_000, key="k")
    late = shop.pay(2_000, key="k")

    assert problem(early) == BUSY
    assert problem(late) == (422, "idempotency-key-reused")


def test_a_running_key_hinders_no_other_key():
    shop = a_shop()
    shop.accepted()  # so that the accounts are open already

    with transaction():
        shop.pay(key="k")
        other = paid_elsewhere(shop, key="other")

    assert other.status_code == 201


def test_a_create_that_rolled_back_leaves_the_key_free():
    shop = a_shop()

    with transaction():
        shop.pay(key="k")
        set_rollback(True)
    again = shop.pay(key="k")

    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again


def test_a_duplicate_of_a_running_refund_is_told_to_come_back(committed_db: Database):
    shop = a_shop()
    payment = shop.sold()

    with ThreadPoolExecutor(1) as pool, closing(committed_db.connect()) as holder:
        # The first stands still where it needs the payment's lock, holding the key's.
        holder.cursor().execute("SELECT FROM payments_payment FOR UPDATE")
        first = pool.submit(elsewhere, shop.refund, payment, key="k", amount=100)
        waiting_for_lock(committed_db)
        duplicate = shop.refund(payment, key="k", amount=100)
        holder.rollback()
        refunded = first.result()

    assert problem(duplicate) == BUSY
    assert refunded.status_code == 201
    assert count("payments_refund") == 1


def test_a_key_that_was_used_between_snapshot_and_lock_replays(committed_db: Database):
    shop = a_shop()
    shop.accepted()  # so that the key is remembered, and the statement the first to look at it
    with owning(committed_db) as cursor:
        # Whoever is called late waits inside its statement, with its snapshot taken.
        cursor.execute(
            f"CREATE FUNCTION may_go_on() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
            f" IF current_setting('application_name') = 'late' THEN"
            f" PERFORM pg_advisory_xact_lock_shared({GATE}, 0); END IF; RETURN true; END $$;"
            f" ALTER TABLE core_apikey ENABLE ROW LEVEL SECURITY;"
            f" CREATE POLICY go_on ON core_apikey USING (may_go_on())"
        )

    def late():
        rows("SET application_name = 'late'")
        return shop.pay(key="k")

    with ThreadPoolExecutor(1) as pool, closing(committed_db.connect()) as gate:
        gate.cursor().execute("SELECT pg_advisory_xact_lock(%s, 0)", [GATE])
        second = pool.submit(elsewhere, late)
        waiting_for_lock(committed_db, "advisory")
        first = shop.pay(key="k")
        gate.rollback()
        replayed = second.result()

    assert first.status_code == 201
    assert replayed.content == first.content
    assert replayed["Idempotency-Replayed"] == "true"
    assert count("payments_payment") == 2
    assert count("outbox_message") == 2


def test_of_twenty_duplicates_one_creates():
    shop = a_shop()
    shop.accepted()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: elsewhere(shop.pay, key="k"), range(20)))

    created = [answer for answer in answers if answer.status_code == 201]
    fresh = [answer for answer in created if "Idempotency-Replayed" not in answer]
    assert len(fresh) == 1
    assert {answer.content for answer in created} == {fresh[0].content}
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert count("payments_payment") == 2
