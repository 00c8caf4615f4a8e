"""What the database itself refuses of payments, met in plain SQL."""

from typing import Any
from uuid import uuid4

import pytest
from psycopg2 import errors

from core.money import MAX_AMOUNT
from tests.payments.planting import (
    insert,
    payment_row,
    plant_attempt,
    plant_change,
    plant_event,
    plant_operation,
    plant_payment,
    plant_refund,
    refund_row,
    update,
)

PAYMENT, REFUND = "payments_payment", "payments_refund"
OPERATION, ATTEMPT = "payments_operation", "payments_attempt"
RESTRICTED = errors.RestrictViolation
TABLES = (PAYMENT, REFUND, OPERATION, ATTEMPT, "payments_notice", "payments_seen",
          "payments_statuschange", "payments_event", "payments_dispute",
          "payments_disputefact")  # fmt: skip


def refuses(error: Any, match: str) -> Any:
    return pytest.raises(error, match=match)


NEW_PAYMENTS = {
    "an unknown mode": ({"mode": "sandbox"}, "payment_mode_known"),
    "no amount": ({"amount": 0}, "payment_amount_in_bounds"),
    "too large an amount": ({"amount": MAX_AMOUNT + 1}, "payment_amount_in_bounds"),
    "something captured": ({"amount_captured": 1}, "payment_captured_iff_successful"),
    "something refunded that is negative": (
        {"amount_refunded": -1}, "payment_refunded_not_negative"),
    "a failure": ({"failure_code": "x"}, "payment_failure_iff_failed"),
    "a review without a reason": ({"needs_review": True}, "payment_review_has_reason"),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "constraint"), NEW_PAYMENTS.values(), ids=NEW_PAYMENTS)
def test_no_payment_begins_with(owner, columns, constraint):
    with refuses(errors.CheckViolation, constraint):
        insert(owner, PAYMENT, **payment_row(owner, **columns))


SUCCESSFUL = {
    "nothing captured": ({"amount_captured": 0}, "payment_captured_iff_successful"),
    "more captured than asked": ({"amount_captured": 1_001}, "payment_captured_at_most_asked"),
    "more held than captured": ({"amount_refund_held": 1_001}, "payment_refunds_within_captured"),
    "an overdraft beside room": ({"amount_overdrawn": 1}, "payment_overdrawn_beyond_captured"),
    "less than nothing overdrawn": (
        {"amount_overdrawn": -1, "amount_refund_held": 1_000}, "payment_overdrawn_beyond_captured"),
    "less than nothing held": ({"amount_refund_held": -1}, "payment_refunds_within_captured"),
    "a failure": ({"failure_code": "x"}, "payment_failure_iff_failed"),
    "everything refunded in name only": (
        {"status": "REFUNDED", "version": 4}, "payment_refunded_means_fully"),
    "a status nobody knows": ({"status": "PAID", "version": 4}, "no such move"),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "constraint"), SUCCESSFUL.values(), ids=SUCCESSFUL)
def test_no_successful_payment_has(owner, columns, constraint):
    payment_id = plant_payment(owner, "SUCCESS")

    with refuses((errors.CheckViolation, RESTRICTED), constraint):
        update(owner, PAYMENT, payment_id, **columns)


def test_a_status_nobody_knows_is_refused_by_a_check_too(owner):
    with owner.cursor() as cursor:
        cursor.execute("ALTER TABLE payments_payment DISABLE TRIGGER payments_payment_legal_move")
    payment_id = plant_payment(owner)

    with refuses(errors.CheckViolation, "payment_status_known"):
        update(owner, PAYMENT, payment_id, status="PAID", version=2)


def test_more_than_captured_may_have_been_refunded(owner):
    payment_id = plant_payment(owner, "SUCCESS")

    assert update(owner, PAYMENT, payment_id, amount_refunded=1_500) == 1


def test_the_version_counts_the_changes_of_status(owner):
    payment_id = plant_payment(owner)

    with refuses(RESTRICTED, "version counts"):
        update(owner, PAYMENT, payment_id, status="PROCESSING")


def test_the_version_counts_nothing_else(owner):
    payment_id = plant_payment(owner)

    with refuses(RESTRICTED, "version counts"):
        update(owner, PAYMENT, payment_id, version=2)


@pytest.mark.parametrize(
    ("column", "value"),
    {
        "merchant_id": None,
        "mode": "live",
        "amount": 999,
        "currency": "USD",
        "gateway": "mock",
        "created_at": "2020-01-01",
        "id": str(uuid4()),
    }.items(),
)
def test_the_terms_of_a_payment_never_change(owner, column, value):
    payment_id = plant_payment(owner)
    value = value or payment_row(owner)["merchant_id"]

    with refuses(RESTRICTED, "terms of a payment"):
        update(owner, PAYMENT, payment_id, **{column: value})


NEW_REFUNDS = {
    "no amount": ({"amount": 0}, errors.CheckViolation, "refund_amount_in_bounds"),
    "a failure": ({"failure_code": "x"}, errors.CheckViolation, "refund_failure_iff_failed"),
    "another currency": ({"currency": "USD"}, RESTRICTED, "currency of its payment"),
    "another mode": ({"mode": "live"}, RESTRICTED, "currency of its payment"),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "error", "match"), NEW_REFUNDS.values(), ids=NEW_REFUNDS)
def test_no_refund_begins_with(owner, columns, error, match):
    payment_id = plant_payment(owner, "SUCCESS")

    with refuses(error, match):
        insert(owner, REFUND, **refund_row(owner, payment_id, **columns))


def test_no_refund_is_of_another_merchant(owner):
    payment_id, other = plant_payment(owner, "SUCCESS"), payment_row(owner)["merchant_id"]

    with refuses(RESTRICTED, "merchant, mode and currency"):
        insert(owner, REFUND, **refund_row(owner, payment_id, merchant_id=other))


def test_one_refund_of_the_rest_is_asked_for_at_a_time(owner):
    payment_id = plant_payment(owner, "SUCCESS")
    plant_refund(owner, payment_id, is_rest=True)

    with refuses(errors.UniqueViolation, "refund_of_the_rest_once"):
        plant_refund(owner, payment_id, is_rest=True)


def test_a_refund_of_the_rest_may_follow_one_that_failed(owner):
    payment_id = plant_payment(owner, "SUCCESS")
    plant_refund(owner, payment_id, "FAILED", is_rest=True)

    assert plant_refund(owner, payment_id, is_rest=True)


@pytest.mark.parametrize(
    ("column", "value"), {"amount": 1, "currency": "USD", "mode": "live"}.items()
)
def test_the_terms_of_a_refund_never_change(owner, column, value):
    refund_id = plant_refund(owner, plant_payment(owner, "SUCCESS"))

    with refuses(RESTRICTED, "terms of a refund"):
        update(owner, REFUND, refund_id, **{column: value})


def test_the_version_of_a_refund_counts_its_status(owner):
    refund_id = plant_refund(owner, plant_payment(owner, "SUCCESS"))

    with refuses(RESTRICTED, "version counts"):
        update(owner, REFUND, refund_id, version=2)


NEW_OPERATIONS = {
    "an unknown kind": ({"kind": "payout"}, "operation_kind_known"),
    "an unknown state": ({"state": "lost", "settled_at": "2026-01-01"}, "operation_state_known"),
    "no amount": ({"amount": 0}, "operation_amount_in_bounds"),
    "an end without its time": ({"state": "succeeded"}, "operation_settled_iff_not_open"),
    "a time without its end": ({"settled_at": "2026-01-01"}, "operation_settled_iff_not_open"),
}


@pytest.mark.parametrize(("columns", "constraint"), NEW_OPERATIONS.values(), ids=NEW_OPERATIONS)
def test_no_operation_has(owner, columns, constraint):
    payment_id = plant_payment(owner)

    with refuses(errors.CheckViolation, constraint):
        plant_operation(owner, payment_id, **columns)


def test_no_operation_is_a_refund_without_its_refund(owner):
    payment_id = plant_payment(owner, "SUCCESS")

    with refuses(errors.CheckViolation, "operation_refund_iff_refund"):
        plant_operation(owner, payment_id, kind="refund")


def test_a_payment_has_one_charge(owner):
    payment_id = plant_payment(owner)
    plant_operation(owner, payment_id)

    with refuses(errors.UniqueViolation, "operation_one_charge_per_payment"):
        plant_operation(owner, payment_id)


def test_a_refund_has_one_operation(owner):
    payment_id = plant_payment(owner, "SUCCESS")
    refund_id = plant_refund(owner, payment_id)
    plant_operation(owner, payment_id, kind="refund", refund_id=refund_id, amount=100)

    with refuses(errors.UniqueViolation, "refund_id"):
        plant_operation(owner, payment_id, kind="refund", refund_id=refund_id, amount=100)


@pytest.mark.parametrize(
    ("column", "value"),
    {"gateway": "mock", "amount": 1, "currency": "USD", "id": str(uuid4())}.items(),
)
def test_the_terms_of_an_operation_never_change(owner, column, value):
    operation_id = plant_operation(owner, plant_payment(owner))

    with refuses(RESTRICTED, "terms of an operation"):
        update(owner, OPERATION, operation_id, **{column: value})


def test_the_age_of_a_providers_key_is_never_made_younger(owner):
    operation_id = plant_operation(owner, plant_payment(owner), first_sent_at="2026-01-01")

    with refuses(RESTRICTED, "terms of an operation"):
        update(owner, OPERATION, operation_id, first_sent_at="2026-01-02")


def test_a_success_of_an_operation_is_final(owner):
    operation_id = plant_operation(
        owner, plant_payment(owner), state="succeeded", settled_at="2026-01-01"
    )

    with refuses(RESTRICTED, "an operation has no such move"):
        update(owner, OPERATION, operation_id, state="failed")


NEW_ATTEMPTS = {
    "an unknown kind": ({"kind": "guess"}, "attempt_kind_known"),
    "an outcome without its time": ({"outcome": "succeeded"}, "attempt_outcome_iff_answered"),
    "a time without its outcome": ({"answered_at": "2026-01-01"}, "attempt_outcome_iff_answered"),
}


@pytest.mark.parametrize(("columns", "constraint"), NEW_ATTEMPTS.values(), ids=NEW_ATTEMPTS)
def test_no_attempt_has(owner, columns, constraint):
    operation_id = plant_operation(owner, plant_payment(owner))

    with refuses(errors.CheckViolation, constraint):
        plant_attempt(owner, operation_id, **columns)


def test_a_start_makes_one_attempt(owner):
    operation_id, message_id = plant_operation(owner, plant_payment(owner)), str(uuid4())
    plant_attempt(owner, operation_id, message_id=message_id, epoch=4)

    with refuses(errors.UniqueViolation, "attempt_once_per_start"):
        plant_attempt(owner, operation_id, message_id=message_id, epoch=4)


def test_an_answer_never_changes(owner):
    operation_id = plant_operation(owner, plant_payment(owner))
    answered = {"outcome": "declined", "answered_at": "2026-01-01"}
    attempt_id = plant_attempt(owner, operation_id, **answered)

    with refuses(RESTRICTED, "a fact and never changes"):
        update(owner, ATTEMPT, attempt_id, outcome="succeeded")


@pytest.mark.parametrize("refund", [False, True])
def test_history_has_each_version_once(owner, refund):
    payment_id = plant_payment(owner, "SUCCESS")
    of = {"refund_id": plant_refund(owner, payment_id)} if refund else {}
    plant_change(owner, payment_id, **of)

    with refuses(errors.UniqueViolation, "version_once"):
        plant_change(owner, payment_id, **of)


def test_an_event_has_a_known_mode(owner):
    with refuses(errors.CheckViolation, "event_mode_known"):
        plant_event(owner, mode="sandbox")
