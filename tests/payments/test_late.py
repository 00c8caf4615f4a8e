"""What providers do after we gave up, and beyond what we asked."""

from datetime import timedelta

import pytest

from core.db import rows
from gateways.base import AnswerLost, NotFound, declined, succeeded
from ledger.models import Transaction
from payments.models import Event, Refund, StatusChange
from tests.money import (
    a_shop,
    charge_of,
    drain,
    hurry,
    messages,
    net,
    owning,
    reciting,
    run_due,
    told,
)


@pytest.mark.django_db
class TestALateSuccess:
    def make(self):
        shop = a_shop()
        payment = shop.accepted(gateway="mock_failure")
        drain()
        told(payment, "charge.succeeded")
        drain()
        payment.refresh_from_db()
        return shop, payment

    def test_makes_the_failed_payment_successful(self):
        _, payment = self.make()

        assert (payment.status, payment.failure_code) == ("SUCCESS", "")
        assert payment.amount_captured == 1_000

    def test_is_booked_and_flagged(self):
        _, payment = self.make()

        captured = Transaction.objects.get(kind="payment.captured")
        assert captured.flags == "late"
        assert net(payment) == {
            ("posted", "gateway_receivable"): 1_000,
            ("posted", "merchant_payable"): -1_000,
        }

    def test_is_told(self):
        self.make()

        assert Event.objects.filter(type="payment.succeeded_late").count() == 1

    def test_leaves_its_cause_in_history(self):
        _, payment = self.make()

        history = StatusChange.objects.filter(payment=payment).order_by("version")
        assert [(c.before, c.after, c.cause) for c in history] == [
            ("CREATED", "PROCESSING", "message"),
            ("PROCESSING", "FAILED", "attempt"),
            ("FAILED", "SUCCESS", "notice"),
        ]
        assert [change.version for change in history] == [2, 3, 4]

    def test_can_be_refunded(self):
        shop, payment = self.make()

        assert shop.refund(payment).status_code == 201


@pytest.mark.django_db
class TestARefundConfirmedAfterItFailed:
    def make(self, settings, second: int):
        """Fail a refund of everything, make another one, then confirm the first after all."""
        shop = a_shop()
        payment = shop.sold(1_000)
        reciting(settings, declined("no"), succeeded("re_2", second, "INR"))
        first = shop.refund(payment, key="a", amount=1_000).json()["id"]
        drain()
        if second:
            shop.refund(payment, key="b", amount=second)
            drain()
        told(payment, "refund.succeeded", reference=first, provider_id="re_1")
        drain()
        payment.refresh_from_db()
        return payment, Refund.objects.get(id=first)

    def test_beyond_what_was_captured_goes_to_suspense_and_calls_a_person(self, settings):
        payment, refund = self.make(settings, 600)

        assert refund.status == "SUCCEEDED"
        assert (payment.amount_refund_held, payment.amount_overdrawn) == (1_000, 600)
        assert (payment.needs_review, payment.amount_refunded) == (True, 1_600)
        assert net(payment)[("posted", "customer_suspense")] == 600

    def test_within_it_is_taken_from_the_merchant(self, settings):
        payment, refund = self.make(settings, 0)

        assert (refund.status, payment.amount_overdrawn) == ("SUCCEEDED", 0)
        assert (payment.status, payment.amount_refunded) == ("REFUNDED", 1_000)
        assert net(payment) == {}

    def test_beyond_everything_violates_no_constraint(self, settings):
        payment, refund = self.make(settings, 1_000)

        assert (payment.status, payment.amount_refunded) == ("REFUNDED", 2_000)
        assert (refund.status, payment.amount_overdrawn) == ("SUCCEEDED", 1_000)
        assert payment.needs_review


class TestAKeyThatDied:
    """Its provider has forgotten it, so that no send of ours can still arrive."""

    def make(self, settings, database, age: timedelta, *answers, keys: bool = True):
        settings.GATEWAY_TOTAL = timedelta(seconds=0.4)
        settings.STALE_READ_WINDOW = timedelta(0)
        gateway = reciting(settings, AnswerLost("cut"), *answers, keys=keys)
        payment = a_shop().accepted()
        run_due()
        with owning(database) as cursor:
            cursor.execute(
                "ALTER TABLE payments_operation DISABLE TRIGGER payments_operation_terms_fixed"
            )
            cursor.execute(
                "UPDATE payments_operation SET first_sent_at = first_sent_at - %s", [age]
            )
        hurry()
        run_due()
        payment.refresh_from_db()
        return payment, [type(request).__name__ for request in gateway.requests]

    def test_and_left_nothing_there_fails_the_payment(self, settings, committed_db):
        payment, calls = self.make(settings, committed_db, timedelta(days=2), NotFound())

        assert (payment.status, payment.failure_code) == ("FAILED", "not_found_at_provider")
        assert calls == ["Charge", "Query"]
        assert net(payment) == {}

    def test_only_just_fails_nothing_yet(self, settings, committed_db):
        age = timedelta(days=1, minutes=5)

        payment, calls = self.make(settings, committed_db, age, NotFound())

        assert (payment.status, payment.needs_review) == ("PROCESSING", True)
        assert calls == ["Charge", "Query"]

    def test_is_not_used_shortly_before(self, settings, committed_db):
        age = timedelta(days=1) - timedelta(minutes=9)

        _, calls = self.make(settings, committed_db, age, NotFound())

        assert calls == ["Charge", "Query"]

    def test_is_used_well_before(self, settings, committed_db):
        age = timedelta(days=1) - timedelta(minutes=20)

        payment, calls = self.make(settings, committed_db, age, succeeded("ch_1", 1_000, "INR"))

        assert payment.status == "SUCCESS"
        assert calls == ["Charge", "Charge"]

    def test_where_there_are_no_keys_nothing_fails(self, settings, committed_db):
        age = timedelta(days=400)

        payment, calls = self.make(settings, committed_db, age, NotFound(), keys=False)

        assert (payment.status, payment.needs_review) == ("PROCESSING", True)
        assert calls == ["Charge", "Query"]


@pytest.mark.django_db
def test_a_webhook_before_our_answer_makes_waiting_messages_due(settings):
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)
    reciting(settings, AnswerLost("cut"))
    payment = a_shop().accepted()
    run_due()
    rows("UPDATE outbox_message SET available_at = now() + interval '1 hour' WHERE state = 0")

    told(payment, "charge.succeeded")
    drain()

    payment.refresh_from_db()
    assert payment.status == "SUCCESS"
    assert messages(charge_of(payment).id, "state") == [(8,)]
