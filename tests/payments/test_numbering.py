"""Events get their numbers without a gap, in order, whoever is slow, dies or numbers besides."""

import pytest

from core.db import rows, transaction
from payments import numbering
from payments.numbering_invariants import INVARIANTS
from tests.money import a_shop

pytestmark = pytest.mark.usefixtures("committed_db")


def number(most=numbering.BATCH_EVENTS):
    with transaction():
        return numbering.number(most)


def broken():
    return [i.name for i in INVARIANTS if rows(i.sql)]


class TestABatch:
    def test_numbers_what_happened_from_one(self):
        shop = a_shop()
        for _ in range(3):
            shop.accepted()

        batch = number()

        assert [one.number for one in batch.numbered] == [1, 2, 3]
        assert broken() == []
