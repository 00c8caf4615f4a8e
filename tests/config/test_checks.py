"""What is at odds stops the process before the first payment."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks

import config.urls  # noqa: F401 - its serializers must see the real gateways when they are made
from config.checks import check_public_url
from gateways.base import Capabilities
from payments.asking import KEY_MARGIN
from tests.gateways.reciting import Reciting

ENOUGH = 2 * KEY_MARGIN + timedelta(seconds=1)


class Forgetful(Reciting):
    """A provider that honours a key for a while only."""

    def __init__(self, *, lifetime: timedelta | None, keys: bool = True) -> None:
        super().__init__(answers=[])
        self.capabilities = Capabilities(
            keys=keys, key_lifetime=lifetime, find=True, webhooks=False
        )


def reported(settings: Any, **options: Any) -> list[str | None]:
    entry = {"class": f"{__name__}.Forgetful", "options": options}
    settings.GATEWAYS = {"acme": entry}
    return [message.id for message in run_checks()]


@pytest.mark.parametrize("lifetime", [timedelta(0), KEY_MARGIN, 2 * KEY_MARGIN])
def test_a_key_that_dies_before_it_can_be_used_twice_is_reported(settings, lifetime):
    assert reported(settings, lifetime=lifetime) == ["config.E001"]


@pytest.mark.parametrize("lifetime", [ENOUGH, timedelta(days=1), None])
def test_a_key_that_lives_long_enough_is_fine(settings, lifetime):
    assert reported(settings, lifetime=lifetime) == []


def test_a_gateway_without_keys_has_no_lifetime_to_check(settings):
    assert reported(settings, lifetime=None, keys=False) == []


@pytest.mark.parametrize("entry", [{"class": "gateways.providers.acme.Acme"}, {}, "acme", None])
def test_an_entry_that_gives_no_gateway_is_reported_once(settings, entry):
    settings.GATEWAYS = {"acme": entry}

    assert [message.id for message in run_checks()] == ["gateways.E001"]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://pay.example.com", []),
        ("https://pay.example.com:8443/base", []),
        ("http://[::1]:8005", []),
        ("https://other.example.com", ["config.W001"]),
    ],
)
def test_a_name_for_payers_that_nobody_answers_to_is_reported(settings, url, found):
    settings.ALLOWED_HOSTS = ["pay.example.com", "[::1]"]
    settings.PUBLIC_URL = url

    assert [message.id for message in check_public_url()] == found
