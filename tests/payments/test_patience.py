"""How long until a provider is asked again: always a number, and never too far off."""

from datetime import timedelta
from math import inf, nan

import pytest

from gateways.base import Found, NotSent, pending
from payments import pacing
from payments.models import Attempt, Payment
from tests.money import a_shop, charge_of, hurry, messages, reciting, run_due

pytestmark = pytest.mark.django_db

# What the spread of 0.8 to 1.2 adds at most.
SPREAD = 1.2


def asked_before(payment: Payment, times: int) -> None:
    """Write down that many looks, each of which was told to wait."""
    charge, (message_id,) = charge_of(payment), messages(charge_of(payment).id, "id")[0]
    Attempt.objects.bulk_create(
        Attempt(
            operation=charge, kind="ask", provider_key="k", message_id=message_id,
            epoch=1_000 + number, answered_at=payment.created_at, outcome="pending",
        )
        for number in range(times)
    )  # fmt: skip


def wait_of(payment: Payment) -> timedelta:
    wait: timedelta
    ((state, wait),) = messages(charge_of(payment).id, "state", "available_at - now()")
    assert state == 0
    return wait


@pytest.mark.parametrize("times", [1, 20, 2_000])
def test_a_charge_that_is_pending_for_long_is_asked_about_again(settings, times):
    reciting(settings, pending("ch_1"), Found(pending("ch_1")))
    payment = a_shop().accepted()
    run_due()
    asked_before(payment, times)

    hurry()
    run_due()

    longest = timedelta(seconds=pacing.WAITING_SECONDS_MAX * SPREAD)
    assert timedelta(0) < wait_of(payment) <= longest
    assert messages(charge_of(payment).id, "failures", "last_error") == [(0, "pending")]


def test_who_waits_for_a_webhook_is_asked_less_often_than_who_is_silent(settings):
    reciting(settings, pending("ch_1"), Found(pending("ch_1")))
    payment = a_shop().accepted()
    run_due()
    asked_before(payment, 30)

    hurry()
    run_due()

    assert wait_of(payment) > timedelta(seconds=pacing.INQUIRY_SECONDS_MAX * SPREAD)
    assert wait_of(payment) >= timedelta(seconds=pacing.WAITING_SECONDS_MAX * 0.8)


@pytest.mark.parametrize("seconds", [365 * 24 * 3600.0, inf, -inf, nan, 1e300])
def test_a_provider_may_ask_for_patience_but_not_for_ever(settings, seconds):
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)
    reciting(settings, NotSent("busy", retry_after_seconds=seconds))
    payment = a_shop().accepted()

    run_due()

    assert wait_of(payment) <= timedelta(seconds=pacing.RETRY_SECONDS_MAX)
    assert messages(charge_of(payment).id, "failures") == [(1,)]


@pytest.mark.parametrize("seconds", [-5.0, 0.0, 90.0])
def test_what_is_asked_within_reason_is_granted(settings, seconds):
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)
    reciting(settings, NotSent("busy", retry_after_seconds=seconds))
    payment = a_shop().accepted()

    run_due()

    assert wait_of(payment) >= timedelta(seconds=max(seconds, 0.8))
