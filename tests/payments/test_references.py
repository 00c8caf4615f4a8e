"""A reference names one payment of a merchant and mode, whoever comes at once or again."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg2
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from psycopg2 import errors

from core.db import rows
from core.models import IdempotencyRecord
from payments.models import Payment
from tests.conftest import Database
from tests.money import PAYMENTS, a_shop, elsewhere, problem, waiting_for_lock
from tests.payments.test_creation import everything_written

pytestmark = pytest.mark.usefixtures("committed_db")

TAKEN = (409, "duplicate-reference")
ROUNDS = 40


class TestATakenReference:
    def test_is_refused_with_the_payment_that_has_it(self):
        shop = a_shop()
        first = shop.accepted(reference="order 7")

        answer = shop.pay(reference="order 7")

        assert problem(answer) == TAKEN
        assert answer.json()["payment"] == str(first.id)
        assert shop.get(f"{PAYMENTS}{first.id}/").json()["reference"] == "order 7"

    def test_writes_nothing_but_the_answer_to_its_key(self):
        shop = a_shop()
        shop.accepted(reference="order 7")
        before = everything_written()

        shop.pay(reference="order 7", key="second")

        after = everything_written()
        added = {table: len(found) - len(before[table]) for table, found in after.items()}
        assert added == {**dict.fromkeys(after, 0), "core_idempotencyrecord": 1}

    def test_is_refused_by_the_same_bytes_ever_after(self):
        shop = a_shop()
        shop.accepted(reference="order 7")
        refused = shop.pay(reference="order 7", key="second")

        again = [shop.pay(reference="order 7", key="second") for _ in range(2)]

        assert [one.content for one in again] == [refused.content] * 2
        assert [problem(one) for one in again] == [TAKEN] * 2
        assert [one["Idempotency-Replayed"] for one in again] == ["true"] * 2
        assert "Idempotency-Replayed" not in refused
        assert refused["Cache-Control"] == again[0]["Cache-Control"] == "no-store"

    def test_is_not_refused_to_the_one_who_took_it_and_asks_again(self):
        shop = a_shop()
        first = shop.pay(reference="order 7", key="first")

        again = shop.pay(reference="order 7", key="first")

        assert (again.status_code, again.content) == (201, first.content)

    def test_makes_its_key_good_for_that_request_only(self):
        shop = a_shop()
        shop.accepted(reference="order 7")
        shop.pay(reference="order 7", key="second")

        answer = shop.pay(reference="order 8", key="second")

        assert problem(answer) == (422, "idempotency-key-reused")

    def test_is_another_merchants_and_the_other_modes_to_take(self):
        shop = a_shop()
        others = [a_shop(), a_shop(mode="live", merchant=shop.merchant)]

        answers = [one.pay(reference="order 7") for one in (shop, *others)]

        assert [answer.status_code for answer in answers] == [201, 201, 201]

    def test_is_told_from_one_that_differs_in_anything(self):
        shop = a_shop()

        answers = [shop.pay(reference=text) for text in ("order 7", "Order 7", "order  7", "7")]

        assert [answer.status_code for answer in answers] == [201] * 4

    def test_stays_taken_after_its_payment_failed(self):
        shop = a_shop()
        shop.accepted(reference="order 7", gateway="mock_failure")
        rows("UPDATE payments_payment SET status = 'PROCESSING', version = 2")
        rows("UPDATE payments_payment SET status = 'FAILED', version = 3, failure_code = 'x'")

        assert problem(shop.pay(reference="order 7")) == TAKEN

    def test_is_refused_after_the_request_was_found_well_formed(self):
        shop = a_shop()
        shop.accepted(reference="order 7")

        answer = shop.pay(0, reference="order 7", key="second")

        assert problem(answer) == (422, "amount-invalid")
        assert shop.pay(reference="order 8", key="second").status_code == 201


def test_payments_without_a_reference_are_as_many_as_you_like():
    shop = a_shop()

    assert [shop.pay().status_code for _ in range(3)] == [201] * 3


def test_a_reference_that_is_free_costs_no_further_statement():
    shop = a_shop()
    for _ in range(2):  # the first ones open accounts, and have statements prepared
        shop.pay()

    with CaptureQueriesContext(connection) as captured:
        answer = shop.pay(reference="order 7")

    assert answer.status_code == 201
    assert len(captured.captured_queries) == 1


def test_two_payments_at_once_with_one_reference_are_one():
    shop = a_shop()
    pay_at_once = Barrier(2)

    def pay(n: int, who: int) -> Any:
        pay_at_once.wait(10)
        return shop.pay(key=f"{n}-{who}", reference=f"order {n}")

    with ThreadPoolExecutor(2) as pool:
        rounds = []
        for n in range(ROUNDS):
            both = [pool.submit(pay, n, who) for who in range(2)]
            rounds.append([one.result() for one in both])
        for _ in range(2):
            pool.submit(connection.close)

    for n, answers in enumerate(rounds):
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert won.status_code == 201
        assert problem(lost) == TAKEN
        assert lost.json()["payment"] == won.json()["id"]
        keys = [shop.pay(key=f"{n}-{who}", reference=f"order {n}") for who in range(2)]
        assert [one.content for one in keys] == [one.content for one in answers]
    assert Payment.objects.count() == ROUNDS
    assert rows("SELECT count(*) FROM payments_operation") == [(ROUNDS,)]
    statuses = Counter(IdempotencyRecord.objects.values_list("status", flat=True))
    assert statuses == {201: ROUNDS, 409: ROUNDS}


def test_a_second_payment_waits_for_the_first_and_is_made_if_that_is_taken_back(
    committed_db: Database,
):
    shop = a_shop()
    with psycopg2.connect(committed_db.url) as other, other.cursor() as cursor:
        insert(cursor, shop, "order 7")
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(elsewhere, shop.pay, reference="order 7")
            waiting_for_lock(committed_db)
            other.rollback()

            assert second.result(10).status_code == 201
    other.close()


def test_the_database_refuses_a_second_payment_with_a_reference(committed_db: Database):
    shop = a_shop()
    with psycopg2.connect(committed_db.url) as other, other.cursor() as cursor:
        insert(cursor, shop, "order 7")
        insert(cursor, shop, "")
        insert(cursor, shop, "")

        with pytest.raises(errors.UniqueViolation, match="payment_reference_once"):
            insert(cursor, shop, "order 7")
    other.close()


def insert(cursor: Any, shop: Any, reference: str) -> None:
    cursor.execute(
        "INSERT INTO payments_payment (id, merchant_id, mode, status, amount, currency, gateway,"
        " payment_method, return_url, reference, description, metadata, amount_captured,"
        " amount_refund_held, amount_overdrawn, amount_refunded, failure_code, failure_message,"
        " needs_review, review_reason, version) VALUES (gen_random_uuid(), %s, 'test', 'CREATED',"
        " 1, 'INR', 'mock', '', '', %s, '', '{}', 0, 0, 0, 0, '', '', false, '', 1)",
        [str(shop.merchant.id), reference],
    )
