"""A burial that fails leaves the dispatcher and the other burials alone."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from core.db import rows
from dispatcher.housekeeping import bury_convicted
from outbox.models import Lapse
from payments.models import Payment
from tests.dispatcher.trouble import BUG, make_trouble
from tests.money import a_shop, charge_of, messages
from tests.outbox.planting import LEASE

pytestmark = pytest.mark.usefixtures("committed_db")


def two_convicted() -> list[Payment]:
    """Accept two payments, and have each charge lapse alone three times, an hour apart."""
    shop = a_shop()
    payments = [shop.accepted() for _ in range(2)]
    now = datetime.now(UTC)
    for (message_id,) in rows("SELECT id FROM outbox_message"):
        for epoch in (1, 2, 3):
            began = now - timedelta(hours=epoch)
            Lapse.objects.create(
                message_id=message_id,
                epoch=epoch,
                worker=f"{message_id}:{epoch}",
                alone=True,
                started_at=began,
                lease_until=began + LEASE,
            )
    rows("UPDATE outbox_message SET alone = true, epoch = 3, starts = 3")
    return payments


def standing(payment: Payment) -> list[int]:
    return [state for (state,) in messages(charge_of(payment).id, "state")]


def test_a_kind_of_another_release_is_left_to_it():
    stranger, known = two_convicted()
    subject = charge_of(stranger).id
    rows("UPDATE outbox_message SET kind = 'payout' WHERE subject_id = %s", [subject])

    bury_convicted()

    assert standing(stranger) == [0]
    assert standing(known) == [9, 0]


def test_a_burial_that_fails_spoils_no_other(committed_db):
    first, second = two_convicted()
    make_trouble(committed_db, "UPDATE", "payments_payment", code=BUG)

    bury_convicted()

    assert sorted([standing(first), standing(second)]) == [[0], [9, 0]]


def test_a_burial_that_fails_is_tried_again(committed_db):
    first, second = two_convicted()
    make_trouble(committed_db, "UPDATE", "payments_payment", code=BUG)
    bury_convicted()

    bury_convicted()

    assert standing(first) == standing(second) == [9, 0]


def test_a_locked_payment_holds_up_its_own_burial_only(committed_db):
    locked, other = two_convicted()
    with closing(committed_db.connect()) as holder:
        holder.cursor().execute(
            "SELECT FROM payments_payment WHERE id = %s FOR UPDATE", [str(locked.id)]
        )

        bury_convicted()

    assert standing(locked) == [0]
    assert standing(other) == [9, 0]
