"""The tables of ``payments.states`` and the database's triggers are one machine."""

from itertools import product

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from payments.states import (
    MOVES,
    REFUND_MOVES,
    IllegalMove,
    RefundStatus,
    Status,
    check_move,
    check_refund_move,
)
from tests.payments.planting import plant_payment, plant_refund

PAIRS = [pair for pair in product(Status, Status) if pair[0] != pair[1]]
REFUND_PAIRS = [pair for pair in product(RefundStatus, RefundStatus) if pair[0] != pair[1]]


def move(owner: Connection, table: str, row_id: str, after: str) -> None:
    """Change a status by plain SQL, with what the other columns must then say."""
    captured = after in {"SUCCESS", "REFUNDED"}
    extra = ""
    if table == "payments_payment":
        extra = f", amount_captured = {'amount' if captured else 0}, amount_refunded = amount"
        address = "https://pay.test/act" if after == "REQUIRES_ACTION" else ""
        extra += f", next_action_url = '{address}'"
    with owner.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET status = %s, version = version + 1, failure_code = %s{extra}"
            " WHERE id = %s",
            [after, "declined" if after == "FAILED" else "", row_id],
        )


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_the_trigger_knows_the_moves_of_payments(owner, before, after):
    payment_id = plant_payment(owner, before)

    if after in MOVES[before]:
        move(owner, "payments_payment", payment_id, after)
        check_move(before, after)
    else:
        with pytest.raises(psycopg2.errors.RestrictViolation, match="no such move"):
            move(owner, "payments_payment", payment_id, after)
        with pytest.raises(IllegalMove):
            check_move(before, after)


@pytest.mark.parametrize(("before", "after"), REFUND_PAIRS)
def test_the_trigger_knows_the_moves_of_refunds(owner, before, after):
    refund_id = plant_refund(owner, plant_payment(owner, "SUCCESS"), before)

    if after in REFUND_MOVES[before]:
        move(owner, "payments_refund", refund_id, after)
        check_refund_move(before, after)
    else:
        with pytest.raises(psycopg2.errors.RestrictViolation, match="no such move"):
            move(owner, "payments_refund", refund_id, after)
        with pytest.raises(IllegalMove):
            check_refund_move(before, after)


@pytest.mark.parametrize("status", [status for status in Status if status != Status.CREATED])
def test_a_payment_starts_as_created(owner, status):
    with pytest.raises(psycopg2.errors.RestrictViolation, match="starts as CREATED"):
        plant_payment(owner, status, at_once=True)


@pytest.mark.parametrize("status", [RefundStatus.SUCCEEDED, RefundStatus.FAILED])
def test_a_refund_starts_as_pending(owner, status):
    payment_id = plant_payment(owner, "SUCCESS")

    with pytest.raises(psycopg2.errors.RestrictViolation, match="starts as PENDING"):
        plant_refund(owner, payment_id, status, at_once=True)


def test_every_status_but_the_first_can_be_reached_and_is_left_as_the_design_says():
    reached = {after for afters in MOVES.values() for after in afters}

    assert reached == set(Status) - {Status.CREATED}
    assert {before for before, afters in MOVES.items() if not afters} == {Status.REFUNDED}
    ended = {before for before, afters in MOVES.items() if Status.SUCCESS in afters}
    assert ended >= {Status.FAILED, Status.CANCELED, Status.EXPIRED}
