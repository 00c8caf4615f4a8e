"""What becomes of a stored webhook: applied once, or parked where a person looks."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatcher import runner
from gateways.base import pending
from payments.models import Event, Notice, Payment, Refund
from tests.gateways.mocking import body_of
from tests.money import a_shop, charge_of, claim_all, deliver, drain, net, reciting, told
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.django_db


def parked() -> list[str]:
    return [*ProviderEvent.objects.exclude(parked_at=None).values_list("parked_reason", flat=True)]


class TestAnEarlyWebhook:
    """It comes before our own call has an answer, or was even made."""

    def test_settles_the_payment(self):
        payment = a_shop().accepted()
        told(payment, "charge.succeeded")

        drain()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert Notice.objects.count() == 1
        assert net(payment)[("posted", "merchant_payable")] == -1_000

    def test_may_name_the_operation(self):
        payment = a_shop().accepted()
        told(payment, "charge.succeeded", reference=charge_of(payment).id)

        drain()

        assert Notice.objects.get().operation == charge_of(payment)

    def test_of_a_pending_charge_settles_it(self, settings):
        reciting(settings, pending("ch_1"))
        payment = a_shop().accepted()
        drain()
        told(payment, "charge.failed", code="do_not_honor", message="No.")

        drain()

        payment.refresh_from_db()
        assert (payment.status, payment.failure_code) == ("FAILED", "do_not_honor")


class TestADuplicate:
    def test_changes_nothing(self):
        payment = a_shop().sold()
        before = net(payment)

        for _ in range(3):
            told(payment, "charge.succeeded", id="evt_1")
            drain()

        assert ProviderEvent.objects.count() == 1
        assert net(payment) == before

    def test_under_another_id_changes_nothing_either(self):
        payment = a_shop().sold()
        before, events = net(payment), Event.objects.count()
        provider_id = charge_of(payment).provider_id

        for _ in range(3):
            told(payment, "charge.succeeded", provider_id=provider_id)
            drain()

        payment.refresh_from_db()
        assert ProviderEvent.objects.count() == 3
        assert (net(payment), Event.objects.count()) == (before, events)
        assert not payment.needs_review


class TestARefunds:
    def test_success_settles_it(self, settings):
        shop = a_shop()
        payment = shop.sold()
        reciting(settings, pending("re_1"))
        refund = shop.refund(payment).json()["id"]
        drain()

        told(payment, "refund.succeeded", reference=refund, provider_id="re_1")
        drain()

        payment.refresh_from_db()
        assert Refund.objects.get().status == "SUCCEEDED"
        assert payment.status == "REFUNDED"

    def test_failure_gives_its_room_back(self, settings):
        shop = a_shop()
        payment = shop.sold()
        reciting(settings, pending("re_1"))
        refund = shop.refund(payment).json()["id"]
        drain()

        told(payment, "refund.failed", reference=refund, provider_id="re_1", code="no_funds")
        drain()

        payment.refresh_from_db()
        assert Refund.objects.get().status == "FAILED"
        assert (payment.status, payment.amount_refund_held) == ("SUCCESS", 0)

    def test_webhook_that_names_the_payment_means_its_only_refund(self, settings):
        shop = a_shop()
        payment = shop.sold()
        reciting(settings, pending("re_1"))
        shop.refund(payment)
        drain()

        told(payment, "refund.succeeded", provider_id="re_1")
        drain()

        assert Refund.objects.get().status == "SUCCEEDED"

    def test_webhook_that_could_mean_two_is_parked(self, settings):
        shop = a_shop()
        payment = shop.sold()
        reciting(settings, pending())
        shop.refund(payment, key="a", amount=10)
        shop.refund(payment, key="b", amount=10)
        drain()

        told(payment, "refund.succeeded", amount=10, provider_id="re_x")
        drain()

        assert len(parked()) == 1
        assert set(Refund.objects.values_list("status", flat=True)) == {"PENDING"}


class TestParked:
    @pytest.mark.parametrize("reference", [str(uuid4()), "order-7", "x" * 200])
    def test_is_what_names_nothing_of_ours(self, reference):
        deliver("mock_success", body_of(reference))

        drain()

        assert len(parked()) == 1
        assert not Notice.objects.exists()

    def test_is_what_comes_from_another_gateway(self):
        payment = a_shop().accepted(gateway="mock_failure")
        deliver("mock_success", body_of(payment.id))

        drain()

        payment.refresh_from_db()
        assert parked() == ["the operation belongs to another gateway"]
        assert payment.status == "FAILED"

    def test_is_another_amount_that_is_never_posted_and_calls_a_person(self, settings):
        reciting(settings, pending("ch_1"))
        payment = a_shop().accepted()
        drain()

        told(payment, "charge.succeeded", amount=999)
        drain()

        payment.refresh_from_db()
        assert len(parked()) == 1
        assert payment.needs_review
        assert payment.status == "PROCESSING"
        assert not [layer for layer, _ in net(payment) if layer == "posted"]

    def test_is_another_currency_that_is_never_posted_and_calls_a_person(self, settings):
        reciting(settings, pending("ch_1"))
        payment = a_shop().accepted()
        drain()

        told(payment, "charge.succeeded", currency="USD")
        drain()

        payment.refresh_from_db()
        assert (payment.status, payment.needs_review) == ("PROCESSING", True)

    def test_is_not_what_is_right_and_comes_after_something_wrong(self, settings):
        reciting(settings, pending("ch_1"))
        payment = a_shop().accepted()
        drain()
        told(payment, "charge.succeeded", amount=999)
        drain()

        told(payment, "charge.succeeded")
        drain()

        payment.refresh_from_db()
        right = ProviderEvent.objects.get(amount=payment.amount)
        assert right.applied_at
        assert len(parked()) == 1
        assert (payment.status, payment.needs_review) == ("SUCCESS", True)

    def test_is_a_second_charge_but_not_what_repeats_the_first(self):
        payment = a_shop().sold()
        first = charge_of(payment).provider_id

        for provider_id in ("ch_other", first):
            told(payment, "charge.succeeded", provider_id=provider_id)
            drain()

        assert ProviderEvent.objects.get(provider_id="ch_other").parked_reason
        assert ProviderEvent.objects.get(provider_id=first).applied_at

    def test_is_a_refund_that_names_no_charge_of_ours(self):
        payment = a_shop().sold()

        told(payment, "refund.succeeded", reference=uuid4(), charge_reference="order-7")
        drain()

        assert parked() == ["no operation of ours has this reference"]

    def test_waits_with_a_reason_and_ends_its_message(self):
        deliver("mock_success", body_of(uuid4()))

        drain()
        drain()

        event = ProviderEvent.objects.get()
        assert event.parked_reason
        assert event.applied_at is None


def statements_to_apply(payments: list[Payment]) -> int:
    for payment in payments:
        told(payment, "charge.succeeded", provider_id=f"ch_{payment.id}")
        told(payment, "refund.succeeded", reference=uuid4())
    jobs = [job for job in claim_all() if job.lane.startswith("apply")]
    with CaptureQueriesContext(connection) as captured:
        for job in jobs:
            runner.run(job.lane, job.tickets, "host:1")
    assert len(jobs) == 1
    assert all(event.applied_at or event.parked_at for event in ProviderEvent.objects.all())
    return len(captured.captured_queries)


def test_many_webhooks_take_as_many_statements_as_few(settings):
    reciting(settings, pending())
    shop = a_shop()
    payments = [shop.accepted() for _ in range(16)]
    drain()
    statements_to_apply(payments[:1])

    few, many = statements_to_apply(payments[1:3]), statements_to_apply(payments[3:])

    assert few == many
    assert ProviderEvent.objects.exclude(applied_at=None).count() == 16
    assert ProviderEvent.objects.exclude(parked_at=None).count() == 16


def test_a_batch_of_webhooks_about_one_payment_is_applied_together():
    payment = a_shop().accepted(gateway="mock_failure")
    drain()
    told(payment, "charge.failed", code="a")
    told(payment, "charge.succeeded")
    told(payment, "charge.failed", code="b")

    drain()

    payment.refresh_from_db()
    assert payment.status == "SUCCESS"
    assert ProviderEvent.objects.exclude(applied_at=None).count() == 3
