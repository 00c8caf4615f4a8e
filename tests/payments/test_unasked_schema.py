"""What the database itself refuses of refunds that nobody asked us for."""

import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from core.db import rows
from tests.payments.planting import plant_operation, plant_payment, plant_refund, update


def plant_unasked(owner: Connection, gateway: str = "mock_success", **columns: object) -> str:
    payment_id = plant_payment(owner, "SUCCESS", gateway=gateway)
    made = {"provider_id": "re_x", "unasked_id": "re_x", "gateway": gateway, "amount": 100}
    given = {**made, **columns}
    refund_id = plant_refund(owner, payment_id)
    return plant_operation(owner, payment_id, kind="refund", refund_id=refund_id, **given)


def test_a_provider_has_made_a_refund_once(owner):
    plant_unasked(owner)
    plant_unasked(owner, gateway="mock")
    plant_unasked(owner, provider_id="re_x", unasked_id="")

    with pytest.raises(errors.UniqueViolation, match="operation_unasked_once"):
        plant_unasked(owner)


BROKEN = {
    "sent": {"first_sent_at": "2026-01-01"},
    "known by another id": {"provider_id": "re_y"},
    "without an id": {"provider_id": ""},
}


@pytest.mark.parametrize("columns", BROKEN.values(), ids=BROKEN)
def test_none_is(owner, columns):
    with pytest.raises(errors.CheckViolation, match="operation_unasked_never_sent"):
        plant_unasked(owner, **columns)


def test_none_is_a_charge(owner):
    payment_id = plant_payment(owner)

    with pytest.raises(errors.CheckViolation, match="operation_unasked_never_sent"):
        plant_operation(owner, payment_id, provider_id="re_x", unasked_id="re_x")


@pytest.mark.parametrize("unasked_id", ["", "re_y"])
def test_it_never_becomes_another(owner, unasked_id):
    operation_id = plant_unasked(owner)

    with pytest.raises(errors.RestrictViolation, match="terms of an operation"):
        update(owner, "payments_operation", operation_id, unasked_id=unasked_id)


@pytest.mark.django_db
def test_it_is_found_by_its_index(owner):
    sql = "EXPLAIN SELECT 1 FROM payments_operation WHERE gateway IN ('g') AND {of}"
    of = "unasked_id IN ('a', 'b') AND NOT (unasked_id = '')"
    rows("SET LOCAL enable_seqscan = off")

    plan = "\n".join(line for (line,) in rows(sql.format(of=of)))

    assert "operation_unasked_once" in plan
