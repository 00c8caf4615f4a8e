"""A charge that kills its workers: dead, seen by a person, and still asked about."""

import pytest

from core.db import rows
from core.metrics import MESSAGES_DEAD
from dispatcher.housekeeping import bury_convicted
from gateways.base import Found, succeeded
from outbox import leasing, sweeping
from outbox.poison import CRASH_LOOP
from tests.money import a_shop, charge_of, counted, drain, hurry, messages, reciting
from tests.outbox.planting import LEASE, lapse, start

pytestmark = pytest.mark.django_db


def kill_workers(times: int) -> None:
    """Start whatever is due alone on a worker that dies of it."""
    rows("UPDATE outbox_message SET alone = true WHERE state = 0")
    for number in range(times):
        hurry()
        job = leasing.claim_alone(LEASE)
        assert job is not None
        start(*job.tickets, worker=f"host:{number}")
        lapse()
        sweeping.sweep(LEASE)
    hurry()


def test_three_lone_deaths_end_it_with_review_and_inquiry_in_one_transaction():
    payment = a_shop().accepted()
    kill_workers(3)
    before = counted(MESSAGES_DEAD)

    bury_convicted()

    payment.refresh_from_db()
    charge, inquiry = messages(charge_of(payment).id, "kind", "state", "last_error")
    assert charge == ("charge", 9, CRASH_LOOP)
    assert inquiry[:2] == ("inquire", 0)
    assert payment.needs_review
    assert CRASH_LOOP in payment.review_reason
    assert counted(MESSAGES_DEAD) == before + 1


def test_two_do_not():
    payment = a_shop().accepted()
    kill_workers(2)

    bury_convicted()

    assert messages(charge_of(payment).id, "kind", "state") == [("charge", 0)]


def test_its_inquiry_never_sends_and_settles_what_is_found(settings):
    payment = a_shop().accepted()
    kill_workers(3)
    bury_convicted()
    gateway = reciting(settings, Found(succeeded("ch_1", 1_000, "INR")))

    hurry()
    drain()

    payment.refresh_from_db()
    assert (payment.status, payment.needs_review) == ("SUCCESS", False)
    assert [type(request).__name__ for request in gateway.requests] == ["Query"]


def test_a_dead_one_is_not_buried_twice():
    payment = a_shop().accepted()
    kill_workers(3)

    bury_convicted()
    bury_convicted()

    assert len(messages(charge_of(payment).id, "id")) == 2
