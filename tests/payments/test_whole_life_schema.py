"""What the database itself refuses of captures, voids, and payments that wait for somebody."""

from typing import Any

import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from tests.payments.planting import (
    insert,
    payment_row,
    plant_operation,
    plant_payment,
    plant_refund,
    update,
)

PAYMENT, OPERATION = "payments_payment", "payments_operation"


def a_hold(owner: Connection) -> str:
    return plant_payment(owner, "AUTHORIZED", capture_method="manual")


def plant_claiming(owner: Connection, payment_id: str, **columns: Any) -> str:
    """Plant a capture or void that a merchant asked for and that is open."""
    return plant_operation(owner, payment_id, **{"claims": payment_id, **columns})


def test_a_payment_is_captured_in_a_way_that_we_know(owner):
    with pytest.raises(errors.CheckViolation, match="payment_capture_method_known"):
        insert(owner, PAYMENT, **payment_row(owner, capture_method="tomorrow"))


def test_how_a_payment_is_captured_never_changes(owner):
    payment_id = plant_payment(owner)

    with pytest.raises(errors.RestrictViolation, match="terms of a payment"):
        update(owner, PAYMENT, payment_id, capture_method="manual")


def test_who_says_nothing_has_the_money_taken_at_once(owner):
    payment_id = plant_payment(owner)

    with owner.cursor() as cursor:
        cursor.execute("SELECT capture_method, next_action_url FROM payments_payment"
                       " WHERE id = %s", [payment_id])  # fmt: skip
        assert cursor.fetchone() == ("automatic", "")


def test_only_a_payment_that_waits_for_its_payer_says_where_to_go(owner):
    payment_id = plant_payment(owner, "REQUIRES_ACTION")
    update(owner, PAYMENT, payment_id, next_action_url="https://example.com/go")

    with pytest.raises(errors.CheckViolation, match="payment_action_iff_required"):
        update(owner, PAYMENT, payment_id, status="AUTHORIZED", version=4)


def test_a_payment_that_waits_for_its_payer_says_where_to_go(owner):
    payment_id = plant_payment(owner, "REQUIRES_ACTION")

    with pytest.raises(errors.CheckViolation, match="payment_action_iff_required"):
        update(owner, PAYMENT, payment_id, next_action_url="")


@pytest.mark.parametrize("status", ["AUTHORIZED", "REQUIRES_ACTION", "CANCELED", "EXPIRED"])
def test_only_what_succeeded_has_captured_anything(owner, status):
    payment_id = plant_payment(owner, status)

    with pytest.raises(errors.CheckViolation, match="payment_captured_iff_successful"):
        update(owner, PAYMENT, payment_id, amount_captured=1)


@pytest.mark.parametrize("first", ["capture", "void"])
@pytest.mark.parametrize("second", ["capture", "void"])
def test_one_capture_or_void_is_asked_for_at_a_time(owner, first, second):
    payment_id = a_hold(owner)
    plant_claiming(owner, payment_id, kind=first)

    with pytest.raises(errors.UniqueViolation, match="operation_one_open_for_a_hold"):
        plant_claiming(owner, payment_id, kind=second)


def test_another_may_follow_one_that_failed(owner):
    payment_id = a_hold(owner)
    first = plant_claiming(owner, payment_id, kind="capture")
    update(owner, OPERATION, first, state="failed", settled_at="2026-01-01", claims=None)

    assert plant_claiming(owner, payment_id, kind="void")


def test_what_a_provider_did_by_itself_is_a_fact_beside_what_is_asked_for(owner):
    payment_id = a_hold(owner)
    plant_claiming(owner, payment_id, kind="capture")

    assert plant_operation(owner, payment_id, kind="void", unasked_id="v", provider_id="v")


def test_one_that_had_failed_may_succeed_while_another_is_open(owner):
    payment_id = a_hold(owner)
    ended = {"state": "failed", "settled_at": "2026-01-01"}
    first = plant_operation(owner, payment_id, kind="capture", **ended)
    plant_claiming(owner, payment_id, kind="capture")

    assert update(owner, OPERATION, first, state="succeeded") == 1


UNCLAIMED = {
    "an open capture without a claim": {"kind": "capture"},
    "an open void without a claim": {"kind": "void"},
}


@pytest.mark.parametrize("columns", UNCLAIMED.values(), ids=UNCLAIMED)
def test_there_is_not(owner, columns):
    with pytest.raises(errors.CheckViolation, match="operation_claims_while_open"):
        plant_operation(owner, a_hold(owner), **columns)


CLAIMING = {
    "a charge": {"kind": "charge"},
    "what is over": {"kind": "void", "state": "failed", "settled_at": "2026-01-01"},
    "what nobody asked for": {"kind": "capture", "unasked_id": "c", "provider_id": "c"},
}


@pytest.mark.parametrize("columns", CLAIMING.values(), ids=CLAIMING)
def test_a_payment_is_not_claimed_by(owner, columns):
    with pytest.raises(errors.CheckViolation, match="operation_claims_while_open"):
        plant_claiming(owner, a_hold(owner), **columns)


def test_a_claim_is_on_its_own_payment(owner):
    payment_id, other = a_hold(owner), a_hold(owner)

    with pytest.raises(errors.CheckViolation, match="operation_claims_while_open"):
        plant_claiming(owner, payment_id, kind="void", claims=other)


def test_a_capture_is_of_no_refund(owner):
    payment_id = a_hold(owner)
    refund_id = plant_refund(owner, payment_id)

    with pytest.raises(errors.CheckViolation, match="operation_refund_iff_refund"):
        plant_claiming(owner, payment_id, kind="capture", refund_id=refund_id)


def test_only_a_charge_is_closed_unsent(owner):
    ended = {"state": "closed", "settled_at": "2026-01-01"}

    assert plant_operation(owner, plant_payment(owner), **ended)
    with pytest.raises(errors.CheckViolation, match="operation_closed_only_if_charge"):
        plant_operation(owner, a_hold(owner), kind="void", **ended)


@pytest.mark.parametrize("after", ["failed", "open"])
def test_what_was_closed_only_succeeds(owner, after):
    ended = {"state": "closed", "settled_at": "2026-01-01"}
    operation_id = plant_operation(owner, plant_payment(owner), **ended)

    with pytest.raises(errors.RestrictViolation, match="an operation has no such move"):
        update(owner, OPERATION, operation_id, state=after)


def test_only_a_charge_is_looked_up_again_after_it_succeeded(owner):
    ended = {"state": "succeeded", "settled_at": "2026-01-01", "recheck_at": "2026-01-02"}

    assert plant_operation(owner, plant_payment(owner), **ended)
    with pytest.raises(errors.CheckViolation, match="operation_rechecked_only_if_it_may_change"):
        plant_operation(owner, a_hold(owner), kind="capture", **ended)
