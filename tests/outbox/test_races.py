"""Two at once on the same messages, each on a connection of its own."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

from core.db import rows, transaction
from core.ids import uuid7
from dispatcher.loop import NO_FLOOR
from outbox import delivery, leasing, staging, sweeping
from outbox.delivery import FenceRejected
from outbox.handling import Done
from outbox.leasing import FLOOR_MARGIN
from outbox.models import Lapse
from tests.money import elsewhere, waiting_for_lock
from tests.outbox.planting import DUE, LANE, LEASE, claim, lapse, make_due, plant, start, states

pytestmark = pytest.mark.usefixtures("committed_db")


def aside(function, *args, **kwargs):
    """Call the function on another connection, and wait for it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(elsewhere, function, *args, **kwargs).result(15)


class TestTwoDispatchers:
    def test_never_share_a_message(self):
        plant(400)

        with ThreadPoolExecutor(4) as pool:
            taken = list(pool.map(lambda _: elsewhere(claim, 30), range(16)))

        counts = Counter(ticket.id for tickets in taken for ticket in tickets)
        assert set(counts.values()) == {1}
        assert len(counts) == 400

    def test_pass_over_what_the_other_is_claiming(self, committed_db):
        plant(3)

        with closing(committed_db.connect()) as other:
            other.cursor().execute(
                "SELECT id FROM outbox_message ORDER BY id LIMIT 1 FOR NO KEY UPDATE"
            )
            taken = claim()
            other.rollback()

        assert len(taken) == 2

    def test_fly_one_alone(self, committed_db):
        plant(2, alone=True)

        with ThreadPoolExecutor(4) as pool:
            jobs = list(pool.map(lambda _: elsewhere(leasing.claim_alone, LEASE), range(8)))

        assert len([job for job in jobs if job]) == 1

    def test_are_held_to_one_alone_by_the_index(self):
        one, _ = plant(2, alone=True)
        flying = "UPDATE outbox_message SET state = 1, epoch = 1, lease_until = now(), job = id"

        with ThreadPoolExecutor(1) as pool:
            with transaction():
                rows(f"{flying} WHERE id = %s", [one])
                second = pool.submit(elsewhere, leasing.claim_alone, LEASE)
            assert second.result(15) is None

        assert sorted(states()) == [(0,), (1,)]


class TestTwoWorkers:
    def test_start_a_message_once(self, committed_db):
        plant()
        (ticket,) = claim()

        with ThreadPoolExecutor(1) as pool:
            with transaction():
                first = delivery.start([ticket], worker="host:1", lease=LEASE)
                second = pool.submit(elsewhere, start, ticket, worker="host:2")
                waiting_for_lock(committed_db)
            assert second.result(15) == []

        assert len(first) == 1
        assert states("worker", "starts") == [("host:1", 1)]


class TestASweeperBesideAWorker:
    def test_passes_over_what_is_being_settled(self):
        plant()
        (ticket,) = claim()
        start(ticket)
        lapse()

        with transaction():
            delivery.lock_ours([ticket])
            swept = aside(sweeping.sweep, LEASE)
            delivery.complete({ticket: Done("succeeded")})

        assert (swept.lost, swept.lapsed) == (0, 0)
        assert states() == [(8,)]

    def test_passes_over_what_is_being_started(self):
        plant()
        (ticket,) = claim()
        lapse()

        with transaction():
            delivery.start([ticket], worker="host:1", lease=LEASE)
            swept = aside(sweeping.sweep, LEASE)

        assert swept.lost == 0
        assert states("state", "lost") == [(1, 0)]

    def test_does_not_fence_it(self):
        plant()
        (ticket,) = claim()
        start(ticket)
        lapse()
        sweeping.sweep(LEASE)

        with transaction():
            delivery.complete({ticket: Done("succeeded")})

        assert states() == [(8,)]

    def test_and_a_new_claim_do(self):
        plant()
        (ticket,) = claim()
        start(ticket)
        lapse()
        sweeping.sweep(LEASE)
        make_due()
        claim()

        with pytest.raises(FenceRejected), transaction():
            delivery.complete({ticket: Done("succeeded")})

        assert states("state", "epoch") == [(1, 2)]


def test_two_sweepers_return_each_message_once():
    plant(60)
    start(*claim(30))
    claim(30)
    lapse()

    with ThreadPoolExecutor(4) as pool:
        swept = list(pool.map(lambda _: elsewhere(sweeping.sweep, LEASE), range(4)))

    assert sum(one.lost for one in swept) == 30
    assert sum(one.lapsed for one in swept) == 30
    assert Lapse.objects.count() == 30
    assert set(states("lost + starts")) == {(1,)}


def test_two_prunes_delete_each_message_once():
    plant(50)
    rows("UPDATE outbox_message SET state = 8, finished_at = now() - interval '3 days'")

    with ThreadPoolExecutor(2) as pool:
        counts = pool.map(lambda _: elsewhere(sweeping.prune, uuid7(), timedelta(days=2)), range(2))

    assert sum(counts) == 50


def test_a_give_back_waits_for_a_start_and_leaves_it(committed_db):
    plant()
    (ticket,) = claim()

    with ThreadPoolExecutor(1) as pool:
        with transaction():
            delivery.start([ticket], worker="host:1", lease=LEASE)
            returned = pool.submit(elsewhere, leasing.give_back, [ticket], timedelta(0))
            waiting_for_lock(committed_db)
        assert returned.result(15) == 0

    assert states() == [(1,)]


def test_a_message_that_commits_late_is_found_below_the_floor():
    """Younger messages were claimed before it became visible."""
    with transaction():
        staging.stage(kind="charge", lane=LANE, subject_id=uuid7())
        rows("UPDATE outbox_message SET available_at = now() - interval '30 seconds'")
        aside(staged)
        (job,), newest = aside(leasing.claim, LANE, limit=9, size=9, lease=LEASE, floor=DUE)
    floor = newest - FLOOR_MARGIN

    above, _ = leasing.claim(LANE, limit=9, size=9, lease=LEASE, floor=floor)
    below, _ = leasing.claim(LANE, limit=9, size=9, lease=LEASE, floor=NO_FLOOR)

    assert len(job.tickets) == 1
    assert above == []
    assert [len(found.tickets) for found in below] == [1]


def staged() -> None:
    with transaction():
        staging.stage(kind="charge", lane=LANE, subject_id=uuid7())
