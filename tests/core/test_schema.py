"""What the database itself refuses of merchants, keys and answers."""

from typing import Any

import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from tests.payments.planting import insert, payment_row

CORE = {
    "a merchant of unknown status": (
        "core_merchant", {"name": "x", "status": "odd", "default_gateway": "m"},
        "merchant_status_known"),
    "an answer of 500": (
        "core_idempotencyrecord", {"status": 500}, "idempotency_never_5xx"),
    "an answer of 100": (
        "core_idempotencyrecord", {"status": 100}, "idempotency_never_5xx"),
    "an answer of no mode": (
        "core_idempotencyrecord", {"mode": "odd"}, "idempotency_mode_known"),
}  # fmt: skip


@pytest.mark.parametrize(("table", "columns", "constraint"), CORE.values(), ids=CORE)
def test_there_is_not(owner, table, columns, constraint):
    if table == "core_idempotencyrecord":
        columns = answer_row(owner, **columns)

    with pytest.raises(errors.CheckViolation, match=constraint):
        insert(owner, table, **columns)


def answer_row(connection: Connection, **columns: Any) -> dict[str, Any]:
    return {
        "merchant_id": payment_row(connection)["merchant_id"],
        "mode": "test",
        "key": "k",
        "fingerprint": "f",
        "status": 201,
        "location": "",
        "body": "{}",
        **columns,
    }


def test_a_key_has_one_answer(owner):
    row = answer_row(owner)
    insert(owner, "core_idempotencyrecord", **row)

    with pytest.raises(errors.UniqueViolation, match="idempotency_key_once"):
        insert(owner, "core_idempotencyrecord", **row)


def key_row(connection: Connection, **columns: Any) -> dict[str, Any]:
    return {
        "merchant_id": payment_row(connection)["merchant_id"],
        "mode": "test",
        "name": "",
        "secret_sha256": "0" * 64,
        "last_four": "0000",
        "scopes": "[]",
        **columns,
    }


def test_a_key_has_a_known_mode(owner):
    with pytest.raises(errors.CheckViolation, match="api_key_mode_known"):
        insert(owner, "core_apikey", **key_row(owner, mode="odd"))


def test_a_secret_belongs_to_one_key(owner):
    insert(owner, "core_apikey", **key_row(owner))

    with pytest.raises(errors.UniqueViolation, match="secret_sha256"):
        insert(owner, "core_apikey", **key_row(owner))


NO_SCOPES = ['"*"', '{"*": false}', "null", "1", '["*", 1]', "[null]", '[["*"]]', '[{"*": 1}]']


@pytest.mark.parametrize("scopes", NO_SCOPES)
def test_scopes_are_a_list_of_texts(owner, scopes):
    with pytest.raises(errors.CheckViolation, match="api_key_scopes_are_a_list"):
        insert(owner, "core_apikey", **key_row(owner, scopes=scopes))


@pytest.mark.parametrize("scopes", ["[]", '["*"]', '["payments:read", "balance:read"]'])
def test_a_list_of_scopes_is_taken(owner, scopes):
    insert(owner, "core_apikey", **key_row(owner, scopes=scopes))
