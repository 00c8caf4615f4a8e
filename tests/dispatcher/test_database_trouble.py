"""A database that fails for a moment costs time, and no answer."""

from contextlib import closing
from datetime import timedelta
from time import monotonic

import pytest
from django.db import OperationalError

from core.db import rows
from core.metrics import SETTLE_RETRIES
from dispatcher import endings, runner
from dispatcher.routes import ROUTES
from dispatcher.runner import Run
from gateways.base import succeeded
from outbox import delivery
from payments.asking import Heard
from payments.facts import Said
from payments.handlers import OperationHandler
from payments.models import Attempt, Payment
from tests.dispatcher.trouble import SHUTDOWN, make_trouble
from tests.money import (
    WORKER,
    a_shop,
    begin,
    charge_of,
    claim_all,
    counted,
    drain,
    finish,
    hurry,
    messages,
    owning,
    reciting,
    run_due,
    took,
)

pytestmark = pytest.mark.usefixtures("committed_db")

TAKEN = succeeded("ch_1", 1_000, "INR")


class TestAnAnswerInHand:
    def test_that_came_too_late_is_kept_when_the_database_is_back(self, settings, committed_db):
        reciting(settings, keys=False, find=False)
        payment = a_shop().accepted()
        message, question = begin(payment)
        rows("UPDATE outbox_message SET state = 0, lease_until = NULL, job = NULL")
        claim_all()  # somebody else holds it now
        make_trouble(committed_db, "UPDATE", "payments_attempt", times=2)

        finish(message, Said.SUCCEEDED, question, **took(payment))

        assert Attempt.objects.get().outcome == "succeeded"

    def test_is_settled_when_the_database_is_back(self, settings, committed_db):
        reciting(settings, TAKEN)
        shop = a_shop()
        payments = [shop.accepted() for _ in range(3)]
        before = counted(SETTLE_RETRIES)
        make_trouble(committed_db, "INSERT", "ledger_transfer", times=4)

        run_due()

        assert [p.status for p in Payment.objects.all()] == ["SUCCESS"] * len(payments)
        assert counted(SETTLE_RETRIES) == before + 4

    def test_is_settled_though_its_neighbours_failure_cannot_be_counted(
        self, settings, committed_db
    ):
        settings.SETTLE_PATIENCE = timedelta(0)
        reciting(settings, TAKEN, name="mock_failure")
        shop = a_shop()
        broken, _ = begin(shop.accepted())
        payment = shop.accepted(gateway="mock_failure")
        message, question = begin(payment)
        make_trouble(committed_db, "UPDATE", "outbox_message")
        answer = Heard(question.attempt_id, Said.SUCCEEDED, **took(payment))

        endings.settle(ROUTES["charge"], [(broken, RuntimeError("bug")), (message, answer)], 0)

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"

    def test_is_settled_though_a_neighbour_cannot_be(self, settings, committed_db):
        settings.SETTLE_PATIENCE = timedelta(0)
        reciting(settings, TAKEN)
        reciting(settings, TAKEN, name="mock_failure")
        shop = a_shop()
        answers = []
        for gateway in ("mock_success", "mock_failure"):
            payment = shop.accepted(gateway=gateway)
            message, question = begin(payment)
            heard = Heard(question.attempt_id, Said.SUCCEEDED, **took(payment))
            answers.append((message, heard))
        make_trouble(committed_db, "INSERT", "ledger_transfer", times=2)

        endings.settle(ROUTES["charge"], answers, 0)

        assert [p.status for p in Payment.objects.order_by("id")] == ["PROCESSING", "SUCCESS"]


class TestAJobWithALockedPayment:
    @pytest.fixture
    def holder(self, committed_db):
        with closing(committed_db.connect()) as other:
            yield other

    def lock(self, holder, payment) -> None:
        holder.cursor().execute(
            "SELECT FROM payments_payment WHERE id = %s FOR UPDATE", [str(payment.id)]
        )
        rows("SET lock_timeout = '200ms'")

    def test_goes_on_without_it(self, settings, holder):
        reciting(settings, TAKEN)
        shop = a_shop()
        locked, *others = [shop.accepted() for _ in range(3)]
        self.lock(holder, locked)

        run_due()

        assert {Payment.objects.get(id=p.id).status for p in others} == {"SUCCESS"}
        columns = ("state", "starts", "failures", "lost", "alone")
        assert messages(charge_of(locked).id, *columns) == [(0, 0, 0, 0, False)]

    def test_runs_it_once_it_is_free(self, settings, holder):
        reciting(settings, TAKEN)
        shop = a_shop()
        locked, _ = shop.accepted(), shop.accepted()
        self.lock(holder, locked)
        run_due()
        holder.rollback()

        hurry()
        drain()

        locked.refresh_from_db()
        assert locked.status == "SUCCESS"

    def test_counts_the_others_leases_from_their_own_starts(self, settings, holder):
        reciting(settings, TAKEN)
        shop = a_shop()
        locked, _ = shop.accepted(), shop.accepted()
        (job,) = claim_all()
        by_id = {ticket.id: ticket for ticket in job.tickets}
        subjects = [(by_id[id_], subject) for id_, _, subject in delivery.peek(job.tickets)]
        self.lock(holder, locked)
        began = monotonic()

        (prepared,) = Run(OperationHandler(), WORKER, job.lane)._prepare(subjects)

        assert len(prepared.calls) == 1
        assert prepared.lease_end - began > settings.RUN_LEASE.total_seconds() + 0.2

    def test_soon_makes_the_call_of_what_is_free(self, settings, holder):
        settings.DISPATCH_LEASE = timedelta(seconds=1.5)
        gateway = reciting(settings, TAKEN)
        shop = a_shop()
        free, *others = [shop.accepted() for _ in range(8)]
        for payment in others:
            self.lock(holder, payment)
        rows("SET lock_timeout = '5s'")
        began = monotonic()

        run_due()

        assert [request.operation_id for request in gateway.requests] == [charge_of(free).id]
        assert gateway.sent_at[0] - began < 2
        columns = "state, starts, failures, lost"
        assert rows(
            f"SELECT {columns} FROM outbox_message WHERE subject_id <> %s", [charge_of(free).id]
        ) == [(0, 0, 0, 0)] * len(others)
        due = rows("SELECT count(*) FROM outbox_message WHERE state = 0 AND available_at <= now()")
        assert 0 < due[0][0] < len(others)


def test_a_job_leaves_when_the_database_does(settings, committed_db):
    gateway = reciting(settings, TAKEN)
    shop = a_shop()
    for _ in range(2):
        shop.accepted()
    (job,) = claim_all()
    make_trouble(committed_db, "INSERT", "payments_attempt", code=SHUTDOWN)

    with pytest.raises(OperationalError):
        runner.run(job.lane, job.tickets, WORKER)

    assert rows("SELECT state, starts FROM outbox_message") == [(1, 0)] * 2
    assert gateway.requests == []


def test_a_message_whose_subject_cannot_be_read_is_counted(settings, committed_db):
    gateway = reciting(settings, TAKEN)
    payment = a_shop().accepted()
    (role,) = rows("SELECT current_user")[0]
    message_of = charge_of(payment).id
    with owning(committed_db) as cursor:
        cursor.execute(f'REVOKE SELECT ON payments_operation FROM "{role}"')

    run_due()

    assert messages(message_of, "state", "starts", "failures") == [(0, 1, 1)]
    assert gateway.requests == []
