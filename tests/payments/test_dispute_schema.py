"""What the database itself refuses of disputes, met in plain SQL."""

from typing import Any
from uuid import uuid4

import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from core.money import MAX_AMOUNT
from tests.payments.beside import refused_beside
from tests.payments.planting import (
    insert,
    plant_dispute,
    plant_dispute_fact,
    plant_merchant,
    plant_operation,
    plant_payment,
    plant_refund,
    update,
)

DISPUTE = "payments_dispute"
RESTRICTED = errors.RestrictViolation


def a_dispute(owner: Connection, **columns: Any) -> str:
    return plant_dispute(owner, plant_payment(owner, "SUCCESS"), **columns)


BROKEN = {
    "an unknown mode": ({"mode": "sandbox"}, "a dispute has the merchant, mode"),
    "a fee of nothing": ({"fee": 0}, "dispute_fee_in_bounds"),
    "too large a fee": ({"fee": MAX_AMOUNT + 1}, "dispute_fee_in_bounds"),
    "no amount": ({"amount": 0}, "dispute_amount_in_bounds"),
    "no id of its provider": ({"provider_id": ""}, "dispute_has_an_id"),
    "an end before it is decided": ({"decided_at": "2026-01-01"}, "dispute_decided_iff_not_open"),
    "an end": ({"at_once": "LOST", "decided_at": "2026-01-01"}, "starts as OPEN"),
    "a later version": ({"version": 2}, "starts as OPEN"),
    "another currency than its payment": ({"currency": "USD"}, "a dispute has the merchant, mode"),
    "another gateway than its payment": ({"gateway": "mock"}, "a dispute has the merchant, mode"),
    "more than was captured": ({"amount": 1_001}, "over no more than that captured"),
}


@pytest.mark.parametrize(("columns", "match"), BROKEN.values(), ids=BROKEN)
def test_no_dispute_begins_with(owner, columns, match):
    with pytest.raises((errors.CheckViolation, RESTRICTED), match=match):
        a_dispute(owner, **columns)


def test_none_is_of_another_merchant_than_its_payment(owner):
    with pytest.raises(RESTRICTED, match="a dispute has the merchant"):
        a_dispute(owner, merchant_id=plant_merchant(owner))


@pytest.mark.parametrize("status", ["CREATED", "PROCESSING", "FAILED"])
def test_none_is_of_a_payment_that_captured_nothing(owner, status):
    with pytest.raises(RESTRICTED, match="over no more than that captured"):
        plant_dispute(owner, plant_payment(owner, status))


@pytest.mark.parametrize("status", ["OPEN", "LOST"])
def test_together_they_are_over_no_more_than_was_captured(owner, status):
    payment_id = plant_payment(owner, "SUCCESS")
    plant_dispute(owner, payment_id, status)
    plant_dispute(owner, payment_id, amount=600)

    with pytest.raises(RESTRICTED, match="over no more than that captured"):
        plant_dispute(owner, payment_id, amount=1)


def test_what_was_won_may_be_disputed_once_more(owner):
    payment_id = plant_payment(owner, "SUCCESS")
    plant_dispute(owner, payment_id, "WON", amount=1_000)

    assert plant_dispute(owner, payment_id, amount=1_000)


def test_two_at_once_are_over_no_more_than_was_captured(owner, committed_db):
    payment_id = plant_payment(owner, "SUCCESS")
    owner.commit()
    plant_dispute(owner, payment_id, amount=600)

    refused = refused_beside(
        owner, committed_db, lambda other: plant_dispute(other, payment_id, amount=401)
    )

    assert "over no more than that captured" in str(refused)


def test_a_provider_has_a_dispute_once(owner):
    a_dispute(owner, provider_id="dp_1")

    with pytest.raises(errors.UniqueViolation, match="dispute_once"):
        a_dispute(owner, provider_id="dp_1")


MOVES = {("OPEN", "WON"), ("OPEN", "LOST"), ("WON", "LOST")}


@pytest.mark.parametrize("after", ["OPEN", "WON", "LOST"])
@pytest.mark.parametrize("before", ["OPEN", "WON", "LOST"])
def test_only_the_moves_of_the_table_are_made(owner, before, after):
    dispute_id = a_dispute(owner, status=before)
    version = 1 if before == "OPEN" else 2
    decided = {"decided_at": None if after == "OPEN" else "2026-01-02"}

    def move() -> int:
        is_step = before != after
        return update(
            owner, DISPUTE, dispute_id, status=after, version=version + is_step, **decided
        )

    if before == after or (before, after) in MOVES:
        assert move() == 1
    else:
        with pytest.raises(RESTRICTED, match="no such move"):
            move()


def test_the_version_counts_moves(owner):
    with pytest.raises(RESTRICTED, match="version counts"):
        update(owner, DISPUTE, a_dispute(owner), version=2)


FIXED = {
    "amount": 1,
    "currency": "USD",
    "gateway": "mock",
    "mode": "live",
    "provider_id": "dp_x",
    "opened_at": "2000-01-01",
    "payment_id": str(uuid4()),
    "merchant_id": str(uuid4()),
    "fee": 16,
    "reason": "another",
}


@pytest.mark.parametrize(("column", "value"), FIXED.items())
def test_its_terms_never_change(owner, column, value):
    dispute_id = a_dispute(owner, fee=15, reason="fraudulent")

    with pytest.raises(RESTRICTED, match="terms of a dispute"):
        update(owner, DISPUTE, dispute_id, **{column: value})


def test_what_was_not_said_yet_is_added(owner):
    dispute_id = a_dispute(owner)

    assert update(owner, DISPUTE, dispute_id, fee=15, reason="fraudulent") == 1


@pytest.mark.parametrize("columns", [{"amount": 401}, {"currency": "USD"}])
def test_nothing_counts_that_names_other_money(owner, columns):
    dispute_id = a_dispute(owner)

    with pytest.raises(RESTRICTED, match="names its amount and currency"):
        plant_dispute_fact(owner, dispute_id, **columns)


def test_nothing_counts_that_is_none_of_the_words(owner):
    dispute_id = a_dispute(owner)

    with pytest.raises(errors.CheckViolation, match="dispute_fact_known"):
        plant_dispute_fact(owner, dispute_id, said="settled")


def test_a_step_is_of_a_refund_or_of_a_dispute(owner):
    payment_id = plant_payment(owner, "SUCCESS")
    step = {
        "payment_id": payment_id,
        "dispute_id": plant_dispute(owner, payment_id),
        "before": "OPEN",
        "after": "WON",
        "version": 2,
        "cause": "dispute_fact",
        "cause_id": str(uuid4()),
    }
    insert(owner, "payments_statuschange", **step)
    # A payment has its own versions.
    insert(owner, "payments_statuschange", **{**step, "dispute_id": None})
    refund_id = plant_refund(owner, payment_id)

    with owner.cursor() as cursor:
        cursor.execute("SAVEPOINT s")
    with pytest.raises(errors.CheckViolation, match="status_change_of_one"):
        insert(owner, "payments_statuschange", **{**step, "refund_id": refund_id, "version": 3})
    with owner.cursor() as cursor:
        cursor.execute("ROLLBACK TO SAVEPOINT s")
    with pytest.raises(errors.UniqueViolation, match="status_change_dispute_version_once"):
        insert(owner, "payments_statuschange", **step)


class TestARefundOfADisputedPayment:
    def refund(self, owner: Connection, payment_id: str, amount: int = 100, **columns: Any) -> str:
        given = {"refund_id": plant_refund(owner, payment_id, amount=amount), "amount": amount}
        return plant_operation(owner, payment_id, kind="refund", **given, **columns)

    def test_is_not_asked_for_while_it_is_open(self, owner):
        payment_id = plant_payment(owner, "SUCCESS")
        plant_dispute(owner, payment_id)

        with pytest.raises(RESTRICTED, match="is not refunded"):
            self.refund(owner, payment_id)

    def test_that_a_provider_made_is_written_down(self, owner):
        payment_id = plant_payment(owner, "SUCCESS")
        plant_dispute(owner, payment_id)

        assert self.refund(owner, payment_id, provider_id="re_x", unasked_id="re_x")

    def test_is_asked_for_again_when_it_was_won(self, owner):
        payment_id = plant_payment(owner, "SUCCESS")
        plant_dispute(owner, payment_id, "WON")

        assert self.refund(owner, payment_id, amount=1_000)

    def test_is_over_no_more_than_the_rest_when_it_was_lost(self, owner):
        payment_id = plant_payment(owner, "SUCCESS")
        plant_dispute(owner, payment_id, "LOST")
        update(owner, "payments_payment", payment_id, amount_refund_held=100)
        self.refund(owner, payment_id, amount=500)

        with pytest.raises(RESTRICTED, match="is not refunded"):
            self.refund(owner, payment_id, amount=501)

    def test_waits_for_who_is_opening_the_dispute(self, owner, committed_db):
        payment_id = plant_payment(owner, "SUCCESS")
        owner.commit()
        plant_dispute(owner, payment_id)

        refused = refused_beside(owner, committed_db, lambda other: self.refund(other, payment_id))

        assert "is not refunded" in str(refused)
