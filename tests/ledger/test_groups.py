"""Booking many postings in one statement."""

import pytest

from core.db import transaction
from ledger import books
from ledger.books import Layer
from ledger.models import Transfer
from tests.ledger.sample import Sale

pytestmark = pytest.mark.django_db


class TestGroup:
    def test_books_every_posting_in_one_statement(self, django_assert_num_queries) -> None:
        sales = [Sale(amount=amount) for amount in (100, 200, 300)]

        with transaction(), django_assert_num_queries(1):
            booked = books.book_all([sale.created() for sale in sales])

        assert booked == {sale.created_id for sale in sales}
        assert [books.balance(sale.payable, Layer.PENDING) for sale in sales] == [100, 200, 300]

    def test_mirrors_each_resolution_by_its_own_pending_legs(self) -> None:
        sales = [Sale(amount=amount) for amount in (100, 200, 300)]
        with transaction():
            books.book_all([sale.created() for sale in sales])

        with transaction():
            books.book_all([sales[0].captured(), sales[1].failed(), sales[2].captured()])

        assert [books.balance(sale.payable, Layer.PENDING) for sale in sales] == [0, 0, 0]
        assert [books.balance(sale.payable, Layer.POSTED) for sale in sales] == [100, 0, 300]

    def test_leaves_alone_what_was_booked_before(self) -> None:
        known, new = Sale(), Sale()
        with transaction():
            books.book(known.created())

        with transaction():
            booked = books.book_all([known.created(), new.created()])

        assert booked == {new.created_id}
        assert Transfer.objects.filter(transaction=known.created_id).count() == 1

    def test_is_refused_as_a_whole_when_one_posting_is(self) -> None:
        fine, unexpected = Sale(), Sale()
        with transaction():
            books.book(fine.created())

        with pytest.raises(books.NothingToResolve), transaction():
            books.book_all([fine.captured(), unexpected.captured()])

        assert books.balance(fine.payable, Layer.POSTED) == 0

    def test_of_nothing_books_nothing(self) -> None:
        with transaction():
            booked = books.book_all([])

        assert booked == set()
