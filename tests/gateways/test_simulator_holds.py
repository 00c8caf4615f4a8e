"""What the adapter to the simulator makes of money that is held first."""

import time

import pytest

from gateways import signatures
from gateways.base import AnswerLost, OutcomeKind
from gateways.providers.simulator import SIGNATURE_HEADER
from tests.gateways.making import AMOUNT, a_capture, asking_for, in_time
from tests.gateways.simulated import SECRETS, charged, event_of


def held(simulator, payment_method="tok_visa"):
    charge, outcome = charged(simulator, payment_method, captures=False)
    assert outcome.kind is OutcomeKind.SUCCEEDED
    return charge, outcome.provider_id


def test_a_capture_whose_answer_was_lost_is_found_by_its_own_reference(simulator):
    charge, provider_id = held(simulator, "sim_capture_drop_after")
    capture = a_capture(charge, amount=400, charge_provider_id=provider_id)

    with pytest.raises(AnswerLost):
        simulator.capture(capture, in_time())

    found = simulator.find(asking_for(capture), in_time())
    assert (found.outcome.kind, found.outcome.amount) == (OutcomeKind.SUCCEEDED, 400)


def test_a_capture_that_somebody_else_made_is_a_no_to_ours_and_seen_besides(simulator, provider):
    charge, provider_id = held(simulator)
    mine = a_capture(charge, charge_provider_id=provider_id)
    provider.control("charge", id=provider_id, status="captured", amount=400)

    answer = simulator.capture(mine, in_time())
    found = simulator.find(asking_for(mine), in_time())

    assert (answer.kind, answer.stored_answer) == (OutcomeKind.DECLINED, True)
    assert (found.outcome.kind, found.outcome.code) == (OutcomeKind.DECLINED, "not_authorized")
    (seen,) = found.besides
    assert (seen.kind, seen.reference, seen.outcome.amount) == ("capture", "dashboard", 400)
    assert seen.charge_reference == str(charge.operation_id)


def test_a_charge_that_ran_out_was_held_and_shows_the_void_besides(simulator, provider):
    charge, provider_id = held(simulator)
    provider.control("charge", id=provider_id, status="expired")

    found = simulator.find(asking_for(charge), in_time())

    assert (found.outcome.kind, found.outcome.amount) == (OutcomeKind.SUCCEEDED, AMOUNT)
    (seen,) = found.besides
    assert (seen.kind, seen.reference) == ("void", "expired")


def test_a_capture_of_what_ran_out_is_a_no(simulator, provider):
    charge, provider_id = held(simulator)
    provider.control("charge", id=provider_id, status="expired")
    capture = a_capture(charge, charge_provider_id=provider_id)

    assert simulator.capture(capture, in_time()).kind is OutcomeKind.DECLINED
    assert simulator.find(asking_for(capture), in_time()).outcome.kind is OutcomeKind.DECLINED


MANUAL = {"capture_method": "manual", "authorized": True}
NEWS = {
    "held": ({**MANUAL, "status": "authorized", "captured_amount": 0}, "charge", AMOUNT, ""),
    "taken": (
        {**MANUAL, "captured_amount": 400, "capture_reference": "dashboard"},
        "capture", 400, "dashboard"),
    "let go": (
        {**MANUAL, "status": "voided", "captured_amount": 0, "void_reference": "x"},
        "void", AMOUNT, "x"),
    "run out": (
        {**MANUAL, "status": "expired", "captured_amount": 0, "void_reference": "expired"},
        "void", AMOUNT, "expired"),
}  # fmt: skip


@pytest.mark.parametrize(("members", "kind", "amount", "reference"), NEWS.values(), ids=NEWS)
def test_a_webhook_about_a_hold_is_read_as_what_was_done(
    simulator, members, kind, amount, reference
):
    body = event_of("ours", **members)
    now = time.time()
    headers = {SIGNATURE_HEADER: signatures.sign(SECRETS[0], body, now)}

    notice = simulator.read_webhook(headers, body, now)

    assert (notice.kind, notice.outcome.amount) == (kind, amount)
    assert notice.outcome.kind is OutcomeKind.SUCCEEDED
    assert notice.reference == (reference or "ours")
    assert notice.charge_reference == ("ours" if reference else "")
