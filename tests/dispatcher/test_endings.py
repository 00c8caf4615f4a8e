"""How messages end that do not end well."""

from datetime import timedelta
from uuid import uuid4

import pytest

from core.db import rows
from core.metrics import MESSAGES_DEAD
from dispatcher import endings
from dispatcher.routes import ROUTES
from gateways.base import Found, NotSent, succeeded
from outbox.handling import Started
from payments.models import Attempt, Event
from tests.money import (
    a_shop,
    begin,
    charge_of,
    counted,
    drain,
    hurry,
    messages,
    owning,
    reciting,
    run_due,
)

pytestmark = pytest.mark.usefixtures("committed_db")

TAKEN = succeeded("ch_1", 1_000, "INR")


@pytest.fixture(autouse=True)
def _one_try_a_call(settings):
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)


def use_up_attempts(payment) -> None:
    rows("UPDATE outbox_message SET failures = max_attempts - 1")


class TestAMessageWhoseAttemptsAreUsedUp:
    def test_is_dead_and_calls_a_person_and_inquires_in_one_transaction(self, settings):
        reciting(settings, NotSent("down"))
        payment = a_shop().accepted()
        use_up_attempts(payment)
        before = counted(MESSAGES_DEAD)

        run_due()

        payment.refresh_from_db()
        charge, inquiry = messages(charge_of(payment).id, "kind", "state", "xid::text")
        event = rows("SELECT xid::text FROM payments_event WHERE type = 'payment.needs_review'")
        assert charge[:2] == ("charge", 9)
        assert inquiry[:2] == ("inquire", 0)
        assert event == [(inquiry[2],)]
        assert payment.needs_review
        assert payment.status == "PROCESSING"
        assert counted(MESSAGES_DEAD) == before + 1

    def test_is_not_dead_before(self, settings):
        reciting(settings, NotSent("down"))
        payment = a_shop().accepted()
        rows("UPDATE outbox_message SET failures = max_attempts - 2")

        run_due()

        assert messages(charge_of(payment).id, "state", "failures") == [(0, 24)]

    def test_is_settled_by_its_inquiry_without_another_send(self, settings):
        reciting(settings, NotSent("down"))
        payment = a_shop().accepted()
        use_up_attempts(payment)
        run_due()
        gateway = reciting(settings, Found(TAKEN))

        hurry()
        drain()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert not payment.needs_review
        assert [type(request).__name__ for request in gateway.requests] == ["Query"]


class TestASettleThatFailsAfterTheMoneyMoved:
    def break_books(self, database) -> None:
        with owning(database) as cursor:
            cursor.execute(
                "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'broken'; END $$;"
                " CREATE TRIGGER broken BEFORE INSERT ON ledger_transfer"
                " FOR EACH ROW EXECUTE FUNCTION broken()"
            )

    def mend_books(self, database) -> None:
        with owning(database) as cursor:
            cursor.execute("DROP TRIGGER broken ON ledger_transfer")

    def test_keeps_the_answer_as_a_fact(self, settings, committed_db):
        reciting(settings, TAKEN)
        payment = a_shop().accepted()
        self.break_books(committed_db)

        run_due()

        payment.refresh_from_db()
        assert payment.status == "PROCESSING"
        assert Attempt.objects.get().outcome == "succeeded"
        assert messages(charge_of(payment).id, "state", "failures") == [(0, 1)]

    def test_settles_later_without_another_call(self, settings, committed_db):
        gateway = reciting(settings, TAKEN)
        payment = a_shop().accepted()
        self.break_books(committed_db)
        run_due()
        self.mend_books(committed_db)

        hurry()
        drain()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert [type(request).__name__ for request in gateway.requests] == ["Charge"]


def test_a_call_that_raises_spends_an_attempt_and_leaves_the_doubt(settings):
    reciting(settings)
    payment = a_shop().accepted()
    message, _ = begin(payment)

    endings.settle(ROUTES["charge"], [(message, RuntimeError("bug"))], 0)

    payment.refresh_from_db()
    assert payment.status == "PROCESSING"
    assert messages(charge_of(payment).id, "state", "failures", "last_error") == [
        (0, 1, "RuntimeError: bug")
    ]
    assert Attempt.objects.get().outcome == ""


def test_a_dead_message_tells_nobody_twice(settings):
    reciting(settings, NotSent("down"))
    payment = a_shop().accepted()
    use_up_attempts(payment)
    run_due()

    hurry()
    run_due()

    assert Event.objects.filter(type="payment.needs_review").count() == 1
    assert len(messages(charge_of(payment).id, "id")) == 2


def test_an_error_after_thousands_of_failures_still_has_its_delay():
    message = Started(uuid4(), 1, "charge", "charge:mock", uuid4(), 1, 5_000, 9_000, "")

    again = endings._again(message, RuntimeError("still"))

    assert again.delay <= timedelta(seconds=1.2 * endings.FAILURE_SECONDS_MAX)
