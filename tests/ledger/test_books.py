"""Booking once and resolving once."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from core.caches import forget
from core.db import TransactionMisuse, rows, transaction
from ledger import books, sql
from ledger.books import Balance, Layer, Leg, Posting
from ledger.models import Account, Transaction, Transfer
from tests.ledger.sample import Sale

pytestmark = pytest.mark.django_db


def book(*postings: Posting) -> list[bool]:
    with transaction():
        return [books.book(posting) for posting in postings]


class TestPosting:
    def test_writes_header_legs_and_accounts_in_one_statement(
        self, django_assert_num_queries: object
    ) -> None:
        sale = Sale()

        with transaction(), django_assert_num_queries(1):  # type: ignore[operator]
            books.book(sale.created())

        transfer = Transfer.objects.get(transaction=sale.created_id)
        assert transfer.debit_account.code == "gateway_receivable"
        assert transfer.credit_account.owner == str(sale.merchant_id)
        assert (transfer.amount, transfer.currency, transfer.layer) == (1_000, "INR", "pending")

    def test_takes_the_parts_by_name(self) -> None:
        sale = Sale()
        moment = datetime(2026, 3, 1, 12, tzinfo=UTC)

        with transaction():
            is_new = books.post(
                kind="captured_late",
                source_id=sale.payment_id,
                merchant_id=sale.merchant_id,
                mode="test",
                legs=[sale.taken],
                flags="late",
                occurred_at=moment,
            )

        booked = Transaction.objects.get(source_id=sale.payment_id)
        assert is_new
        assert (booked.flags, booked.occurred_at) == ("late", moment)
        assert booked.recorded_at > moment

    def test_stamps_every_row_with_the_writing_transaction(self) -> None:
        sale = Sale()
        book(sale.created())

        stamps = rows(
            """
            SELECT h.xid = pg_current_xact_id(), t.xid = h.xid FROM ledger_transaction h
            JOIN ledger_transfer t ON t.transaction_id = h.id WHERE h.id = %s
            """,
            [sale.created_id],
        )

        assert stamps == [(True, True)]

    def test_needs_a_transaction(self) -> None:
        with pytest.raises(TransactionMisuse):
            books.book(Sale().created())

    def test_rides_in_another_statement(self) -> None:
        posting = Sale().created()
        statement = f"WITH new AS (SELECT 1), {sql.ctes('new')} SELECT id FROM ledger_headers"

        booked = rows(statement, sql.params(posting))
        again = rows(statement, sql.params(posting))

        assert booked == [(posting.id,)]
        assert again == []
        books.check_same(posting)

    def test_books_nothing_when_the_other_statement_has_no_row(self) -> None:
        posting = Sale().created()
        statement = f"WITH new AS (SELECT WHERE false), {sql.ctes('new')} TABLE ledger_headers"

        assert rows(statement, sql.params(posting)) == []
        assert not Transaction.objects.filter(pk=posting.id).exists()
        assert not Account.objects.filter(owner=str(posting.merchant_id)).exists()


class TestBookingOnce:
    def test_a_fact_told_again_changes_nothing(self) -> None:
        sale = Sale()

        assert book(sale.created(), sale.created()) == [True, False]
        assert Transfer.objects.filter(transaction=sale.created_id).count() == 1

    def test_a_resolution_told_again_changes_nothing(self) -> None:
        sale = Sale()

        assert book(sale.created(), sale.captured(), sale.captured()) == [True, True, False]
        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 1_000)]

    def test_the_order_of_legs_does_not_matter(self) -> None:
        sale = Sale()
        fee = Leg(Layer.POSTED, sale.payable, sale.clearing, 5)

        assert book(
            sale.posting("sold", sale.taken, fee), sale.posting("sold", fee, sale.taken)
        ) == [True, False]

    @pytest.mark.parametrize("change", ["amount", "currency", "gateway", "layer", "more", "owner"])
    def test_a_fact_with_other_legs_is_refused(self, change: str) -> None:
        sale = Sale()
        reference = sale.created()
        others = {
            "amount": [Leg(Layer.PENDING, sale.receivable, sale.payable, 999)],
            "currency": [Sale(currency="EUR", merchant_id=sale.merchant_id).expected],
            "gateway": [Sale(gateway="other", merchant_id=sale.merchant_id).expected],
            "layer": [sale.taken],
            "more": [sale.expected, sale.expected],
            "owner": [Sale().expected],
        }
        book(reference)

        with pytest.raises(books.ReferenceReused):
            book(sale.posting("created", *others[change]))

        assert Transfer.objects.filter(transaction=reference.id).count() == 1

    def test_a_fact_told_of_another_merchant_is_refused(self) -> None:
        sale = Sale()
        theft = Posting(
            kind="created",
            source_id=sale.payment_id,
            merchant_id=uuid4(),
            mode="test",
            legs=(sale.expected,),
        )
        book(sale.created())

        with pytest.raises(books.ReferenceReused):
            book(theft)


class TestResolving:
    def test_a_pending_transaction_is_resolved_by_one_other(self) -> None:
        sale = Sale()
        book(sale.created(), sale.captured())

        with pytest.raises(books.AlreadyResolved):
            book(sale.failed())

        assert not Transaction.objects.filter(pk=sale.failed().id).exists()

    def test_what_was_never_booked_cannot_be_resolved(self) -> None:
        with pytest.raises(books.NothingToResolve):
            book(Sale().captured())

    def test_every_pending_leg_is_taken_back(self) -> None:
        sale = Sale()
        more = Leg(Layer.PENDING, sale.clearing, sale.payable, 7)
        book(sale.posting("created", sale.expected, more, more, sale.expected), sale.failed())

        mirrors = Transfer.objects.filter(transaction=sale.failed().id)

        assert sorted(
            mirrors.values_list("debit_account", "credit_account", "amount", "layer", "reversal")
        ) == sorted(
            [
                (sale.payable.id, sale.receivable.id, 1_000, "pending", True),
                (sale.payable.id, sale.receivable.id, 1_000, "pending", True),
                (sale.payable.id, sale.clearing.id, 7, "pending", True),
                (sale.payable.id, sale.clearing.id, 7, "pending", True),
            ]
        )

    def test_takes_all_back_when_less_is_captured(self) -> None:
        sale = Sale()
        part = Leg(Layer.POSTED, sale.receivable, sale.payable, 400)
        book(sale.created(), sale.posting("captured", part, resolves=sale.created_id))

        assert books.balances(sale.merchant_id, "test") == [Balance("INR", 0, 400)]

    def test_what_is_only_posted_cannot_be_resolved(self) -> None:
        sale = Sale()
        book(sale.posting("created", sale.taken))

        with pytest.raises(books.NothingToResolve):
            book(sale.failed())

    @pytest.mark.parametrize("change", [{"merchant_id": uuid4()}, {"mode": "live"}])
    def test_what_is_pending_for_another_merchant_or_mode_cannot_be_resolved(
        self, change: dict[str, Any]
    ) -> None:
        sale = Sale()
        book(sale.created())

        with pytest.raises(books.NothingToResolve):
            book(replace(sale, **change).captured())

    def test_a_resolution_cannot_be_resolved(self) -> None:
        sale = Sale()
        book(sale.created(), sale.failed())

        with pytest.raises(books.NothingToResolve):
            book(sale.posting("again", resolves=sale.failed().id))

        assert not Transaction.objects.filter(kind="again", source_id=sale.payment_id).exists()


class TestKnownAccounts:
    def test_are_remembered_only_once_committed(self) -> None:
        forget()

        book(Sale().created())

        assert sql.known_accounts == set()

    def test_are_forgotten_rather_than_kept_without_bound(
        self, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: object
    ) -> None:
        sale = Sale()
        monkeypatch.setattr(sql, "MOST_KNOWN_ACCOUNTS", 3)
        sql.known_accounts.update({uuid4(), uuid4()})

        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            book(sale.created())

        assert sql.known_accounts == {sale.receivable.id, sale.payable.id}
