"""What the database itself refuses of captures, voids and refunds that do not fit their payment."""

from typing import Any

import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from tests.payments.beside import refused_beside
from tests.payments.planting import (
    plant_operation,
    plant_payment,
    plant_refund,
    update,
)

RESTRICTED = errors.RestrictViolation
STATUSES = ["CREATED", "PROCESSING", "REQUIRES_ACTION", "AUTHORIZED", "SUCCESS", "FAILED",
            "CANCELED", "EXPIRED", "REFUNDED"]  # fmt: skip
ALLOWED = {
    ("capture", "AUTHORIZED"),
    ("void", "AUTHORIZED"),
    ("void", "REQUIRES_ACTION"),
    ("refund", "SUCCESS"),
}
TOLD = {"provider_id": "x_1", "unasked_id": "x_1"}


def plant_fitting(owner: Connection, payment_id: str, kind: str, **columns: Any) -> str:
    """Plant an operation that fits, but for what is given."""
    given: dict[str, Any] = {"kind": kind, **columns}
    if kind == "refund":
        given.setdefault("refund_id", plant_refund(owner, payment_id, amount=1_000))
    elif "unasked_id" not in columns:
        given["claims"] = payment_id
    return plant_operation(owner, payment_id, **given)


def a_payment(owner: Connection, status: str) -> str:
    return plant_payment(owner, status, capture_method="manual")


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
@pytest.mark.parametrize("status", STATUSES)
def test_only_what_a_status_allows_is_asked_for(owner, kind, status):
    payment_id = a_payment(owner, status)

    if (kind, status) in ALLOWED:
        assert plant_fitting(owner, payment_id, kind)
    else:
        with pytest.raises(RESTRICTED, match="status of the payment does not allow"):
            plant_fitting(owner, payment_id, kind)


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
@pytest.mark.parametrize("status", STATUSES)
def test_what_a_provider_did_is_written_down_whatever_the_status(owner, kind, status):
    assert plant_fitting(owner, a_payment(owner, status), kind, **TOLD)


UNFIT = {
    "more than is held": ("capture", {"amount": 1_001}),
    "less is let go than is held": ("void", {"amount": 999}),
    "more is let go than is held": ("void", {"amount": 1_001}),
    "a capture in another currency": ("capture", {"currency": "USD"}),
    "a capture at another gateway": ("capture", {"gateway": "mock"}),
    "a void in another currency": ("void", {"currency": "USD"}),
    "a void at another gateway": ("void", {"gateway": "mock"}),
    "another sum than its refund": ("refund", {"amount": 999}),
    "a refund in another currency": ("refund", {"currency": "USD"}),
    "a refund at another gateway": ("refund", {"gateway": "mock"}),
}


@pytest.mark.parametrize("told", [{}, TOLD], ids=["asked for", "told"])
@pytest.mark.parametrize(("kind", "columns"), UNFIT.values(), ids=UNFIT)
def test_there_is_not(owner, kind, columns, told):
    payment_id = a_payment(owner, "SUCCESS" if kind == "refund" else "AUTHORIZED")

    with pytest.raises(RESTRICTED, match="gateway, currency and amount of what it is for"):
        plant_fitting(owner, payment_id, kind, **columns, **told)


@pytest.mark.parametrize("told", [{}, TOLD], ids=["asked for", "told"])
def test_what_was_taken_with_its_charge_is_not_captured(owner, told):
    payment_id = plant_payment(owner, "AUTHORIZED")

    with pytest.raises(RESTRICTED, match="of what it is for"):
        plant_fitting(owner, payment_id, "capture", **told)


def test_a_refund_is_of_its_own_payment(owner):
    other = plant_refund(owner, plant_payment(owner, "SUCCESS"), amount=1_000)

    with pytest.raises(RESTRICTED, match="of what it is for"):
        plant_fitting(owner, plant_payment(owner, "SUCCESS"), "refund", refund_id=other)


def test_a_part_is_captured(owner):
    assert plant_fitting(owner, a_payment(owner, "AUTHORIZED"), "capture", amount=1)


def test_a_capture_waits_for_whoever_is_cancelling_the_payment(owner, committed_db):
    payment_id = a_payment(owner, "AUTHORIZED")
    owner.commit()
    update(owner, "payments_payment", payment_id, status="CANCELED", version=4)

    refused = refused_beside(
        owner, committed_db, lambda other: plant_fitting(other, payment_id, "capture")
    )

    assert "status of the payment does not allow" in str(refused)
