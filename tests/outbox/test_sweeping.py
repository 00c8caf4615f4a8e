"""What recovers messages, and which of them are poison."""

from datetime import timedelta

import pytest

from core.db import rows, transaction
from core.ids import uuid7
from outbox import delivery, leasing, sweeping
from outbox.handling import Again, Ticket
from outbox.models import Lapse, Message
from outbox.poison import CRASH_LOOP
from tests.outbox.planting import LEASE, claim, lapse, make_due, plant, start, states

pytestmark = pytest.mark.django_db


class TestASweep:
    def test_returns_what_was_lost_in_transport_and_spends_nothing(self):
        plant()
        claim()
        lapse()

        swept = sweeping.sweep(LEASE)

        assert (swept.lost, swept.lapsed) == (1, 0)
        columns = ("state", "lost", "starts", "failures", "alone", "epoch")
        assert states(*columns) == [(0, 1, 0, 0, False, 1)]

    def test_returns_what_lapsed_once_to_run_among_others(self):
        plant()
        start(*claim())
        lapse()

        swept = sweeping.sweep(LEASE)

        assert (swept.lost, swept.lapsed) == (0, 1)
        columns = ("state", "lapses", "alone", "available_at <= now()")
        assert states(*columns) == [(0, 1, False, True)]
        lapsed = Lapse.objects.get()
        assert (lapsed.epoch, lapsed.worker, lapsed.alone) == (1, "host:1", False)

    def test_returns_what_lapsed_twice_in_a_row_to_run_alone(self):
        plant()
        for _ in range(2):
            lapse_among_others()

        assert states("state", "lapses", "alone") == [(0, 2, True)]

    def test_counts_lapses_from_the_last_start_that_ended(self):
        plant()
        lapse_among_others()
        make_due()
        (ticket,) = claim()
        start(ticket)
        with transaction():
            delivery.lock_ours([ticket])
            delivery.complete({ticket: Again(timedelta(0), "unknown", spends=False)})
        lapse_among_others()

        assert states("state", "lapses", "alone") == [(0, 1, False)]

    def test_leaves_what_has_a_lease(self):
        plant(2)
        one, _ = claim()
        start(one)

        swept = sweeping.sweep(LEASE)

        assert (swept.lost, swept.lapsed) == (0, 0)

    def test_finds_nothing_the_second_time(self):
        plant()
        claim()
        lapse()
        sweeping.sweep(LEASE)

        assert sweeping.sweep(LEASE).lost == 0

    def test_takes_no_more_than_its_limit(self):
        plant(sweeping.SWEEP_LIMIT + 1)
        claim(1_000)
        lapse()

        assert sweeping.sweep(LEASE).lost == sweeping.SWEEP_LIMIT


def lapse_among_others() -> None:
    make_due()
    start(*claim())
    lapse()
    sweeping.sweep(LEASE)


def lapse_alone(worker: str, *company: Ticket) -> Ticket:
    """Claim the lone message, start it beside others of its worker, and let all of it lapse."""
    make_due()
    job = leasing.claim_alone(LEASE)
    assert job is not None
    start(*job.tickets, *company, worker=worker)
    lapse()
    sweeping.sweep(LEASE)
    settle_all_but(job.tickets[0])
    return job.tickets[0]


def settle_all_but(ticket: Ticket) -> None:
    rows(
        "UPDATE outbox_message SET state = 8, finished_at = now() WHERE state = 0 AND id <> %s",
        [ticket.id],
    )


def convicted() -> int:
    make_due()
    return len(sweeping.convicted())


class TestPoison:
    def test_is_what_lapses_three_times_alone(self):
        plant(alone=True)

        verdicts = []
        for number in range(3):
            lapse_alone(f"host:{number}")
            verdicts.append(convicted())

        assert verdicts == [0, 0, 1]

    def test_is_not_what_lapses_beside_others(self):
        plant()
        for _ in range(5):
            make_due()
            rows("UPDATE outbox_message SET alone = false, lapses = 0")
            start(*claim(floor="2000-01-01T00:00:00Z"))
            lapse()
            sweeping.sweep(LEASE)

        assert Message.objects.get().starts == 5
        assert convicted() == 0

    def test_is_not_what_dies_in_company_of_its_worker(self):
        plant(alone=True)
        for number in range(3):
            plant()
            lapse_alone(f"host:{number}", *claim(1))

        assert convicted() == 0

    def test_is_what_dies_beside_another_workers_death(self):
        plant(alone=True)
        for number in range(3):
            plant()
            start(*claim(1), worker="elsewhere:1")
            lapse_alone(f"host:{number}")

        assert convicted() == 1

    def test_is_never_what_was_lost_in_transport(self):
        plant(alone=True)
        for _ in range(5):
            make_due()
            leasing.claim_alone(LEASE)
            lapse()
            sweeping.sweep(LEASE)

        assert Message.objects.get().lost == 5
        assert convicted() == 0

    def test_waits_a_run_lease_for_the_verdict(self):
        plant(alone=True)
        for number in range(3):
            lapse_alone(f"host:{number}")

        assert sweeping.convicted() == []
        assert states("available_at - now()") == [(LEASE,)]

    def test_is_buried_once_with_its_epoch_raised(self):
        plant(alone=True)
        for number in range(3):
            lapse_alone(f"host:{number}")
        make_due()
        ids = [message_id for message_id, _, _ in sweeping.convicted()]

        with transaction():
            buried = [sweeping.bury(ids), sweeping.bury(ids)]

        assert [len(dead) for dead in buried] == [1, 0]
        assert states("state", "epoch", "last_error") == [(9, 4, CRASH_LOOP)]


class TestPruning:
    def test_deletes_old_done_messages_in_batches(self):
        plant(sweeping.PRUNE_LIMIT + 1)
        rows("UPDATE outbox_message SET state = 8, finished_at = now() - interval '3 days'")
        kept = timedelta(days=2)

        counts = [sweeping.prune(uuid7(), kept) for _ in range(3)]

        assert counts == [sweeping.PRUNE_LIMIT, 1, 0]

    @pytest.mark.parametrize(
        "columns", ["state = 0", "state = 9, finished_at = now() - interval '3 days'",
                    "state = 8, finished_at = now() - interval '1 day'"],
    )  # fmt: skip
    def test_leaves(self, columns):
        plant()
        rows(f"UPDATE outbox_message SET {columns}")

        assert sweeping.prune(uuid7(), timedelta(days=2)) == 0

    def test_looks_at_no_younger_ids(self):
        (message_id,) = plant()
        rows("UPDATE outbox_message SET state = 8, finished_at = now() - interval '3 days'")

        assert sweeping.prune(message_id, timedelta(days=2)) == 0
