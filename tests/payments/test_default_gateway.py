"""A merchant whose default gateway is not, or no longer, in the settings."""

import pytest

from core.models import IdempotencyRecord, Merchant
from payments.models import Payment
from tests.money import Shop, a_shop, problem

pytestmark = pytest.mark.django_db

UNAVAILABLE = (503, "gateway-unavailable")


def shop_by(gateway: str) -> Shop:
    return a_shop(merchant=Merchant.objects.create(name="Shop", default_gateway=gateway))


def test_a_payment_that_nobody_could_charge_is_refused_and_leaves_the_key_free():
    shop = shop_by("gone")

    assert problem(shop.pay(key="k")) == UNAVAILABLE
    assert not Payment.objects.exists()
    assert not IdempotencyRecord.objects.exists()


def test_a_payment_by_another_gateway_is_accepted():
    assert shop_by("gone").pay(gateway="mock").status_code == 201


def test_a_default_that_was_put_right_is_used_at_once():
    shop = shop_by("gone")
    shop.pay(key="k")
    Merchant.objects.filter(id=shop.merchant.id).update(default_gateway="mock_success")

    assert shop.pay(key="k").json()["gateway"] == "mock_success"


def test_what_was_accepted_before_is_still_replayed(settings):
    shop = a_shop()
    first = shop.pay(key="k")
    settings.GATEWAYS = {
        name: entry for name, entry in settings.GATEWAYS.items() if name != "mock_success"
    }

    again = shop.pay(key="k")

    assert (again.status_code, again.content) == (201, first.content)
    assert problem(shop.pay()) == UNAVAILABLE
