"""One statement writes a payment and everything that follows from it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.transaction import savepoint, savepoint_rollback
from django.test.utils import CaptureQueriesContext

from core.db import rows, transaction
from core.models import IdempotencyRecord
from ledger import books
from ledger import sql as ledger_sql
from ledger.accounts import gateway_receivable, merchant_payable
from ledger.models import Account
from outbox import staging
from payments import bookkeeping
from payments.models import Event, Operation, Payment
from payments.serializers import PaymentRead
from tests.money import Shop, a_shop

TABLES = (
    "core_idempotencyrecord",
    "payments_payment",
    "payments_operation",
    "payments_event",
    "outbox_message",
    "ledger_transaction",
    "ledger_transfer",
    "ledger_account",
)
EVERYTHING: dict[str, Any] = {
    "gateway": "mock",
    "payment_method": "tok_success",
    "return_url": "https://shop.example/done?a=1",
    "reference": "order 7",
    "description": "Two lines\nof “text” 🙂",
    "metadata": {"key": "värde", "empty": "", "quote": '"\\'},
}

pytestmark = pytest.mark.django_db


def everything_written() -> dict[str, list[tuple[Any, ...]]]:
    return {table: rows(f"SELECT * FROM {table} ORDER BY id") for table in TABLES}


def whenever(written: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[list[Any]]]:
    """Leave out when, as each statement has a time of its own, and the ids that nobody names."""
    unnamed = {"ledger_transfer": 1}
    return {
        table: [
            ["at" if isinstance(cell, datetime) else cell for cell in row[unnamed.get(table, 0) :]]
            for row in found
        ]
        for table, found in written.items()
    }


@dataclass(frozen=True)
class Chosen:
    """The ids that the statement chose."""

    record: IdempotencyRecord
    operation_id: UUID
    event_id: UUID
    message_id: UUID
    trace: str


def chosen() -> Chosen:
    message_id, trace = rows("SELECT id, trace FROM outbox_message")[0]
    operation, event = Operation.objects.get(), Event.objects.get()
    return Chosen(IdempotencyRecord.objects.get(), operation.id, event.id, message_id, trace)


def create_in_the_orms_words(shop: Shop, asked: dict[str, Any], ids: Chosen) -> None:
    """Do what ``payments.creation`` does, object by object."""
    body = json.loads(ids.record.body)
    payment = Payment(id=UUID(body["id"]), merchant=shop.merchant, mode="test", **asked)
    payment.save(force_insert=True)
    Operation.objects.create(
        id=ids.operation_id,
        payment=payment,
        kind="charge",
        gateway=payment.gateway,
        amount=payment.amount,
        currency=payment.currency,
    )
    Event.objects.create(
        id=ids.event_id,
        merchant=shop.merchant,
        mode="test",
        aggregate_type="payment",
        aggregate_id=payment.id,
        type="payment.created",
        version=1,
        payload=body,
    )
    IdempotencyRecord.objects.create(
        id=ids.record.id,
        merchant=shop.merchant,
        mode="test",
        key="same",
        fingerprint=ids.record.fingerprint,
        resource_id=payment.id,
        status=201,
        location=f"/api/payments/{payment.id}/",
        body=ids.record.body,
    )
    lane = f"charge:{payment.gateway}"
    made = staging.stage(kind="charge", lane=lane, subject_id=ids.operation_id, trace=ids.trace)
    rows("UPDATE outbox_message SET id = %s WHERE id = %s", [ids.message_id, made])
    books.book(bookkeeping.created(payment))


def open_accounts(shop: Shop, gateway: str) -> None:
    """Leave the accounts as an earlier payment would have."""
    payable = merchant_payable(shop.merchant.id, "INR", "test")
    for account in (gateway_receivable(gateway, "INR", "test"), payable):
        names = {"owner": account.owner, "currency": "INR", "mode": "test"}
        Account.objects.create(id=account.id, code=account.code, **names)
        ledger_sql.known_accounts.add(account.id)


@pytest.mark.parametrize("has_accounts", [False, True], ids=["first", "later"])
@pytest.mark.parametrize("extra", [{}, EVERYTHING], ids=["least", "everything"])
def test_the_statement_means_what_the_orm_would_write(extra, has_accounts):
    shop = a_shop()
    asked = {"amount": 1_234, "currency": "INR", "gateway": "mock_success", **extra}
    if has_accounts:
        open_accounts(shop, asked["gateway"])
    before = savepoint()

    answer = shop.pay(**asked, key="same")

    assert answer.status_code == 201, answer.content
    by_statement, ids = everything_written(), chosen()
    savepoint_rollback(before)
    with transaction():
        create_in_the_orms_words(shop, asked, ids)
    assert whenever(everything_written()) == whenever(by_statement)


def test_a_create_writes_one_row_a_table_and_two_accounts():
    a_shop().pay()

    counts = {table: len(found) for table, found in everything_written().items()}
    assert counts == {**dict.fromkeys(TABLES, 1), "ledger_account": 2}


def test_a_create_is_one_statement_once_the_key_is_remembered():
    shop = a_shop()
    shop.pay()

    with CaptureQueriesContext(connection) as captured:
        answer = shop.pay()

    assert answer.status_code == 201
    assert len(captured.captured_queries) == 1


def test_the_answer_says_where_the_payment_is():
    shop = a_shop()

    answer = shop.pay()

    assert answer.status_code == 201
    assert answer["Content-Type"] == "application/json"
    assert answer["Location"] == f"/api/payments/{answer.json()['id']}/"
    assert shop.get(answer["Location"]).json()["id"] == answer.json()["id"]


def test_a_new_payment_looks_as_the_contract_says():
    answer = a_shop().pay(1_000, "INR").json()

    created = answer.pop("created_at")
    assert answer.pop("updated_at") == created
    assert abs(datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds() < 60
    assert UUID(answer.pop("id")).version == 7
    assert answer == {
        "status": "CREATED",
        "amount": 1_000,
        "currency": "INR",
        "gateway": "mock_success",
        "capture_method": "automatic",
        "amount_captured": 0,
        "amount_refunded": 0,
        "failure": None,
        "next_action": None,
        "outcome_unknown_since": None,
        "needs_review": False,
        "payment_method": None,
        "reference": None,
        "description": None,
        "metadata": {},
    }


def test_the_answer_is_what_the_read_serializer_says():
    answer = a_shop().pay(**EVERYTHING)

    assert answer.status_code == 201, answer.content
    members, read = answer.json(), dict(PaymentRead(Payment.objects.get()).data)
    assert list(members) == list(read)
    assert members | {"created_at": "", "updated_at": ""} == json.loads(
        json.dumps(read | {"created_at": "", "updated_at": ""}, default=str)
    )


def test_a_merchants_default_gateway_is_used_where_none_is_named():
    shop = a_shop()
    shop.merchant.default_gateway = "mock_failure"
    shop.merchant.save()

    assert shop.pay().json()["gateway"] == "mock_failure"
