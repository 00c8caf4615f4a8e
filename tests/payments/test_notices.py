"""Which operation a provider means, by whatever it has of ours and of its own."""

from typing import Any
from uuid import UUID

import pytest

from gateways.base import pending
from payments.models import Operation, Payment, Refund
from tests.money import Shop, a_shop, drain, reciting, told
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.django_db


def two_refunds(settings: Any, *provider_ids: str) -> tuple[Shop, Payment, list[Operation]]:
    """Return a payment and two refunds of it that the provider has called by these ids."""
    shop = a_shop()
    payment = shop.sold()
    operations = []
    for number, provider_id in enumerate(provider_ids):
        reciting(settings, pending(provider_id))
        answer = shop.refund(payment, key=f"k{number}", amount=10)
        drain()
        operations.append(Operation.objects.get(refund_id=UUID(answer.json()["id"])))
    return shop, payment, operations


def succeeded() -> list[str]:
    refunds = Refund.objects.filter(status="SUCCEEDED")
    return [str(refund.id) for refund in refunds.order_by("id")]


def parked() -> list[str]:
    return [*ProviderEvent.objects.exclude(parked_at=None).values_list("parked_reason", flat=True)]


@pytest.mark.parametrize("which", [0, 1])
def test_one_of_two_refunds_is_found_by_the_id_its_answer_gave(settings, which):
    _, payment, operations = two_refunds(settings, "re_1", "re_2")

    told(payment, "refund.succeeded", amount=10, provider_id=f"re_{which + 1}")
    drain()

    assert succeeded() == [str(operations[which].refund_id)]
    assert not parked()


def test_one_of_two_refunds_is_found_by_the_id_that_another_webhook_gave(settings):
    _, payment, operations = two_refunds(settings, "", "")
    reference = operations[1].id
    told(payment, "refund.failed", amount=11, reference=reference, provider_id="re_2")
    drain()

    told(payment, "refund.succeeded", amount=10, provider_id="re_2")
    drain()

    assert succeeded() == [str(operations[1].refund_id)]


def test_an_id_that_means_no_one_refund_is_parked(settings):
    _, payment, _ = two_refunds(settings, "re_1", "re_1")

    told(payment, "refund.succeeded", amount=10, provider_id="re_1")
    drain()

    assert succeeded() == []
    assert parked() == ["it could be about any of several refunds"]


def test_the_only_refund_is_not_meant_by_another_id_than_it_is_known_by(settings):
    _, payment, _ = two_refunds(settings, "re_1")

    told(payment, "refund.succeeded", amount=10, provider_id="re_of_somebody_else")
    drain()

    assert succeeded() == [str(Refund.objects.latest("id").id)]
    assert Operation.objects.get(unasked_id="re_of_somebody_else").state == "succeeded"
    assert Refund.objects.earliest("id").status == "PENDING"


def test_the_only_refund_is_meant_as_long_as_no_id_of_it_is_known(settings):
    _, payment, operations = two_refunds(settings, "")

    told(payment, "refund.succeeded", amount=10, provider_id="re_1")
    drain()

    assert succeeded() == [str(operations[0].refund_id)]


def test_a_refund_named_by_our_id_needs_no_id_of_the_provider(settings):
    _, payment, operations = two_refunds(settings, "", "")
    reference = operations[0].refund_id

    told(payment, "refund.succeeded", amount=10, reference=reference, provider_id="re_9")
    drain()

    assert succeeded() == [str(reference)]


def test_a_refund_is_no_charge(settings):
    _, payment, operations = two_refunds(settings, "re_1")

    told(payment, "charge.succeeded", reference=operations[0].id, provider_id="re_1")
    drain()

    assert parked() == ["no operation of ours has this reference"]
