"""A provider may have the payer act first; whoever says what, and when, the payment follows."""

from itertools import permutations

import pytest

from core.db import rows
from gateways.base import (
    ACTION_EXPIRED,
    ACTION_TAKEN,
    Found,
    Outcome,
    OutcomeKind,
    declined,
    pending,
    requires_action,
    succeeded,
)
from payments.models import Attempt, Event, Payment, StatusChange
from tests.money import a_shop, charge_of, drain, hurry, net, reciting, run_due, told

pytestmark = pytest.mark.django_db

URL, OTHER = "https://pay.test/act?a=1&b=2", "https://pay.test/act/again"
ASKED = requires_action(URL, "ch_1")
MOVED = succeeded("ch_1", 1_000, "INR")
TAKEN = Outcome(kind=OutcomeKind.PENDING, provider_id="ch_1", code=ACTION_TAKEN)


def standing(payment):
    payment.refresh_from_db()
    return payment.status, payment.next_action_url


def waiting(settings, *more, **asked):
    """Return a payment that waits for its payer, and its provider."""
    provider = reciting(settings, ASKED, *more)
    payment = a_shop().accepted(**asked)
    run_due()
    assert standing(payment) == ("REQUIRES_ACTION", URL)
    return payment, provider


def look(payment, provider, outcome):
    provider.answers = [Found(outcome)]
    hurry()
    run_due()
    return standing(payment)


def events(payment):
    found = Event.objects.filter(aggregate_id=payment.id).order_by("id")
    return [event.type for event in found]


def test_a_payment_that_waits_for_its_payer_says_where_to_go(settings):
    shop = a_shop()
    reciting(settings, ASKED)
    payment = shop.accepted()
    assert shop.get(f"/api/payments/{payment.id}/").json()["next_action"] is None
    run_due()

    shown = shop.get(f"/api/payments/{payment.id}/").json()

    assert shown["status"] == "REQUIRES_ACTION"
    assert shown["next_action"] == {"type": "redirect", "url": URL}
    event = Event.objects.get(aggregate_id=payment.id, type="payment.requires_action")
    assert event.payload["next_action"] == {"type": "redirect", "url": URL}
    attempt = Attempt.objects.get(operation=charge_of(payment))
    assert (attempt.outcome, attempt.action_url) == ("requires_action", URL)
    assert ("posted", "merchant_payable") not in net(payment)


def test_a_provider_is_told_our_address_to_send_the_payer_back_to(settings):
    settings.PUBLIC_URL = "https://pay.example.com"
    payment, provider = waiting(settings, return_url="https://shop.test/thanks")

    (charge,) = provider.requests

    assert charge.return_url == f"https://pay.example.com/return/{payment.id}/"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (MOVED, "SUCCESS"),
        (declined("action_refused", provider_id="ch_1"), "FAILED"),
        (declined(ACTION_EXPIRED, provider_id="ch_1"), "EXPIRED"),
        (TAKEN, "PROCESSING"),
    ],
)
def test_what_the_provider_says_next_leads_on_and_nobody_has_to_act_any_more(
    settings, outcome, status
):
    payment, provider = waiting(settings)

    assert look(payment, provider, outcome) == (status, "")


def test_a_payer_who_acted_is_not_asked_again_although_it_is_pending_first(settings):
    payment, provider = waiting(settings)
    assert look(payment, provider, TAKEN) == ("PROCESSING", "")

    assert look(payment, provider, pending("ch_1")) == ("PROCESSING", "")
    assert look(payment, provider, MOVED) == ("SUCCESS", "")

    assert events(payment)[-3:] == [
        "payment.requires_action", "payment.processing", "payment.succeeded",
    ]  # fmt: skip


def test_a_plain_pending_does_not_say_that_the_payer_acted(settings):
    payment, provider = waiting(settings)

    assert look(payment, provider, pending("ch_1")) == ("REQUIRES_ACTION", URL)


def test_another_address_takes_the_place_of_the_first_and_is_told(settings):
    payment, provider = waiting(settings)

    assert look(payment, provider, requires_action(OTHER, "ch_1")) == ("REQUIRES_ACTION", OTHER)

    told_of = Event.objects.filter(aggregate_id=payment.id, payload__status="REQUIRES_ACTION")
    told_what = [
        (event.type, event.payload["next_action"]["url"]) for event in told_of.order_by("id")
    ]
    assert told_what == [("payment.requires_action", URL), ("payment.next_action_changed", OTHER)]
    assert look(payment, provider, requires_action(OTHER, "ch_1")) == ("REQUIRES_ACTION", OTHER)
    assert told_of.count() == 2


def test_webhooks_lead_there_and_on(settings):
    reciting(settings, pending("ch_1"))
    payment = a_shop().accepted()
    run_due()
    steps = []
    for kind, more in [
        ("charge.requires_action", {"action_url": URL}),
        ("charge.pending", {"code": ACTION_TAKEN}),
        ("charge.succeeded", {}),
    ]:
        assert told(payment, kind, **more).status_code == 200
        run_due()
        steps.append(standing(payment))

    assert steps == [("REQUIRES_ACTION", URL), ("PROCESSING", ""), ("SUCCESS", "")]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_webhooks_in_any_order_end_alike(settings, order):
    reciting(settings, ASKED)
    payment = a_shop().accepted()
    run_due()
    webhooks = [
        ("charge.requires_action", {"action_url": URL}),
        ("charge.pending", {"code": ACTION_TAKEN}),
        ("charge.pending", {}),
        ("charge.succeeded", {}),
    ]
    for number in order:
        kind, more = webhooks[number]
        told(payment, kind, **more)
        run_due()

    assert standing(payment) == ("SUCCESS", "")
    steps = StatusChange.objects.filter(payment=payment, refund=None).order_by("version")
    assert [step.after for step in steps][:2] == ["PROCESSING", "REQUIRES_ACTION"]
    told_of = Event.objects.filter(aggregate_id=payment.id).values_list("type", "version")
    assert len(told_of) == len(set(told_of))


def test_a_success_before_the_wish_stays_a_success(settings):
    reciting(settings, MOVED)
    payment = a_shop().accepted()
    run_due()

    told(payment, "charge.requires_action", action_url=URL)
    drain()

    assert standing(payment) == ("SUCCESS", "")


def test_a_webhook_before_the_first_send_has_the_payment_wait(settings):
    reciting(settings, ASKED)
    payment = a_shop().accepted()

    told(payment, "charge.requires_action", action_url=URL)
    rows("UPDATE outbox_message SET available_at = now() + '1 hour' WHERE kind = 'charge'")
    run_due()

    assert standing(payment) == ("REQUIRES_ACTION", URL)


def test_other_money_calls_for_a_person_and_nobody_is_sent_to_pay_again(settings):
    payment, provider = waiting(settings)

    assert look(payment, provider, succeeded("ch_1", 999, "INR")) == ("PROCESSING", "")

    assert payment.needs_review


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "//evil.test/x",
        "ftp://pay.test/x",
        "https://user:secret@pay.test/",
        "https://pay.test/a b",
        "https://pay.test/\r\nX: y",
        "https://pay.test/" + "x" * 2_048,
        "https://pay.test/4111111111111111",
    ],
)
def test_an_address_where_nobody_can_be_sent_is_not_stored_and_what_it_means_unknown(settings, url):
    reciting(settings, requires_action(url, "ch_1"), find=False)
    payment = a_shop().accepted()
    run_due()

    assert standing(payment) == ("PROCESSING", "")
    attempt = Attempt.objects.get(operation=charge_of(payment))
    assert (attempt.outcome, attempt.code) == ("unknown", "action_url_unusable")
    assert attempt.action_url == ""
    assert payment.outcome_unknown_since is not None


def test_a_webhook_with_such_an_address_is_parked(settings):
    reciting(settings, pending("ch_1"))
    payment = a_shop().accepted()
    run_due()

    assert told(payment, "charge.requires_action", action_url="javascript:x").status_code == 200

    parked = rows("SELECT parked_reason, action_url FROM webhooks_providerevent")
    assert parked == [("it cannot be read", "")]
    assert standing(payment) == ("PROCESSING", "")


def test_an_address_is_never_logged(settings, lines):
    payment, provider = waiting(settings)
    told(payment, "charge.requires_action", action_url=OTHER)
    run_due()
    look(payment, provider, MOVED)

    assert str(payment.id) in lines.getvalue()
    assert "pay.test" not in lines.getvalue()


def test_a_manual_payment_waits_for_its_payer_and_is_authorized_then(settings):
    payment, provider = waiting(settings, capture_method="manual")

    assert look(payment, provider, MOVED) == ("AUTHORIZED", "")
    assert provider.requests[0].captures is False
    assert Payment.objects.get(id=payment.id).amount_captured == 0
