"""What the adapter to the simulator makes of a charge that waits, or waited, for its payer."""

import time

import pytest
import requests

from core.ids import uuid7
from gateways import signatures
from gateways.base import (
    ACTION_EXPIRED,
    ACTION_TAKEN,
    Found,
    NoticeMalformed,
    OutcomeKind,
    Void,
)
from gateways.providers.simulator import SIGNATURE_HEADER, Simulator
from tests.gateways.making import AMOUNT, a_charge, asking_for, in_time
from tests.gateways.simulated import SECRETS, event_of, options

BACK = "http://127.0.0.1:1/return/1/"
URL = "https://pay.test/act"


def waiting(simulator, method="sim_requires_action", **given):
    charge = a_charge(method, return_url=BACK, **given)
    outcome = simulator.charge(charge, in_time())
    assert outcome.kind is OutcomeKind.REQUIRES_ACTION
    return charge, outcome


def found(simulator, charge):
    answer = simulator.find(asking_for(charge), in_time())
    assert isinstance(answer, Found)
    assert answer.besides == ()
    return answer.outcome


def press(outcome, deed):
    answer = requests.post(outcome.action_url, {"deed": deed}, timeout=5, allow_redirects=False)
    assert answer.headers["Location"].startswith(f"{BACK}?")


def told(**changed):
    body = event_of(uuid7(), **changed)
    headers = {SIGNATURE_HEADER: signatures.sign(SECRETS[0], body, time.time())}
    return Simulator(**options("http://127.0.0.1:1")).read_webhook(headers, body, time.time())


def test_what_waits_names_the_page_again_and_again(simulator, provider):
    charge, outcome = waiting(simulator)

    again = simulator.charge(charge, in_time())

    assert outcome.action_url == f"{provider.url}/actions/{outcome.provider_id}"
    assert found(simulator, charge).action_url == outcome.action_url
    assert (again.action_url, again.stored_answer) == (outcome.action_url, True)


@pytest.mark.parametrize(
    ("captures", "deed", "kind", "code"),
    [
        (True, "approve", OutcomeKind.SUCCEEDED, ""),
        (False, "approve", OutcomeKind.SUCCEEDED, ""),
        (True, "refuse", OutcomeKind.DECLINED, "action_refused"),
    ],
)
def test_what_the_payer_does_is_what_becomes_of_it(simulator, captures, deed, kind, code):
    charge, outcome = waiting(simulator, captures=captures)

    press(outcome, deed)

    known = found(simulator, charge)
    assert (known.kind, known.code, known.amount) == (kind, code, AMOUNT)
    assert known.action_url == ""


def test_that_the_payer_has_acted_is_told_from_plain_pending(simulator, provider):
    charge, outcome = waiting(simulator, "sim_requires_action+approval_pending")
    press(outcome, "approve")

    known = found(simulator, charge)

    assert (known.kind, known.code) == (OutcomeKind.PENDING, ACTION_TAKEN)
    assert known.action_url == outcome.action_url
    provider.control("clock", advance_seconds=2)
    assert found(simulator, charge).kind is OutcomeKind.SUCCEEDED
    plain = a_charge("sim_pending_success")
    assert simulator.charge(plain, in_time()).code == ""


@pytest.mark.parametrize("captures", [True, False])
def test_that_the_payers_time_is_over_is_no_void(simulator, provider, captures):
    charge, _ = waiting(simulator, captures=captures)

    provider.control("clock", advance_seconds=3_700)

    known = found(simulator, charge)
    assert (known.kind, known.code) == (OutcomeKind.DECLINED, ACTION_EXPIRED)


def test_what_waits_can_be_let_go(simulator):
    charge, outcome = waiting(simulator)
    void = Void(
        operation_id=uuid7(), key="void", amount=AMOUNT, currency="INR",
        charge_operation_id=charge.operation_id, charge_provider_id=outcome.provider_id,
    )  # fmt: skip

    assert simulator.void(void, in_time()).kind is OutcomeKind.SUCCEEDED

    answer = simulator.find(asking_for(charge), in_time())
    assert answer.outcome.kind is OutcomeKind.DECLINED
    assert answer.outcome.code != ACTION_EXPIRED


def test_webhooks_say_the_same():
    open_action = {"type": "redirect", "url": URL, "taken_at": None}
    taken = {**open_action, "taken_at": "2026-01-01T00:00:00.000+00:00"}
    none = {"captured_amount": 0}

    waits = told(status="requires_action", action=open_action, **none).outcome
    acted = told(status="pending", action=taken, **none).outcome
    plain = told(status="pending", action=open_action, **none).outcome
    over = told(status="expired", action=open_action, authorized=False, **none).outcome

    assert (waits.kind, waits.action_url) == (OutcomeKind.REQUIRES_ACTION, URL)
    assert (acted.kind, acted.code, acted.action_url) == (OutcomeKind.PENDING, ACTION_TAKEN, URL)
    assert (plain.kind, plain.code, plain.action_url) == (OutcomeKind.PENDING, "", "")
    assert (over.kind, over.code) == (OutcomeKind.DECLINED, ACTION_EXPIRED)


@pytest.mark.parametrize("action", [None, {}, {"url": ""}, {"url": 7}, {"url": "x" * 3_000}])
def test_an_event_that_waits_for_a_payer_nowhere_is_not_read(action):
    with pytest.raises(NoticeMalformed):
        told(status="requires_action", captured_amount=0, action=action)
