"""`manage.py seed_demo`: the well-known merchant, where it may be."""

import pytest
from django.core.management import CommandError, call_command

from core.models import ApiKey, Merchant
from tests.money import Shop

pytestmark = pytest.mark.django_db


def seed(**options: object) -> None:
    call_command("seed_demo", verbosity=0, **options)


def test_it_is_refused_while_debug_is_off():
    with pytest.raises(CommandError, match="--in-production"):
        seed()

    assert not ApiKey.objects.exists()


def test_it_is_made_where_somebody_asks_for_it_by_name(capsys):
    seed(in_production=True)

    assert "Created" in capsys.readouterr().out
    assert ApiKey.objects.get().mode == "test"


def test_it_is_made_once(settings, capsys):
    settings.DEBUG = True

    seed()
    seed()

    assert "is there" in capsys.readouterr().out
    assert (Merchant.objects.count(), ApiKey.objects.count()) == (1, 1)


def test_its_key_opens_every_door(settings):
    settings.DEBUG = True
    seed()
    demo = Shop(Merchant.objects.get(), ApiKey.objects.get(), "test_api_key")

    payment = demo.sold()

    assert payment.gateway == "mock_success"
    assert demo.refund(payment).status_code == 201
    assert demo.get("/api/balance/").status_code == 200
