"""The hand-written statement and the ORM's form of it mean the same."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.transaction import set_rollback

from core.db import rows, savepoint, transaction
from ledger import books, portable, sql
from ledger.books import Leg, Posting
from ledger.legs import Layer
from ledger.models import Transaction, Transfer
from tests.ledger.sample import Sale

pytestmark = pytest.mark.django_db

SALE = Sale()
TWO_LEGS = (SALE.expected, Leg(Layer.PENDING, SALE.receivable, SALE.clearing, 7))
OTHER = SALE.posting("created", *TWO_LEGS)
HISTORIES: dict[str, list[Posting]] = {
    "created": [SALE.created()],
    "created twice": [SALE.created(), SALE.created()],
    "captured": [SALE.created(), SALE.captured()],
    "failed": [SALE.created(), SALE.failed()],
    "captured, then failed": [SALE.created(), SALE.captured(), SALE.failed()],
    "captured without created": [SALE.captured()],
    "two legs taken back": [OTHER, SALE.failed()],
    "two legs captured": [OTHER, SALE.captured()],
    "nothing to take back": [SALE.posting("created", SALE.taken), SALE.failed()],
    "a resolution resolved": [
        SALE.created(),
        SALE.failed(),
        SALE.posting("again", resolves=SALE.failed().id),
    ],
    "refunded": [SALE.created(), SALE.captured(), SALE.refunded(1), SALE.refunded(1)],
}


def with_statement(posting: Posting) -> bool:
    return bool(rows(sql.POST, sql.params(posting)))


def picture() -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[Any]]:
    headers = Transaction.objects.values_list(
        "id", "kind", "source_id", "merchant_id", "mode", "resolves", "flags", "xid"
    )
    legs = Transfer.objects.values_list(
        "transaction",
        "layer",
        "debit_account__code",
        "credit_account__code",
        "currency",
        "mode",
        "amount",
        "reversal",
        "xid",
    )
    return sorted(headers, key=str), sorted(legs, key=str), books.balances(SALE.merchant_id, "test")


def told(history: list[Posting], book: Callable[[Posting], bool]) -> Any:
    """Book a history, say what is then in the books, and take it back."""
    with transaction():
        with savepoint():
            seen = [book(posting) for posting in history], picture()
            set_rollback(True)
        return seen


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_both_forms_book_the_same(history: list[Posting]) -> None:
    assert told(history, with_statement) == told(history, portable.book)


def test_the_orm_meets_the_same_constraints() -> None:
    with transaction():
        books.book(SALE.created())
        header = Transaction.objects.get(pk=SALE.created_id)

        with pytest.raises(IntegrityError, match="ledger_transfer_amount_in_range"), savepoint():
            Transfer.objects.create(
                transaction=header,
                layer=Layer.POSTED,
                debit_account_id=SALE.receivable.id,
                credit_account_id=SALE.payable.id,
                currency="INR",
                mode="test",
                amount=0,
            )
