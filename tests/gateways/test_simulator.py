"""The adapter to the simulator, against the real program over real sockets."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateways import signatures
from gateways.base import (
    AnswerLost,
    Deadline,
    Found,
    NotFound,
    NotSent,
    OutcomeKind,
    UnexpectedAnswer,
)
from gateways.providers.simulator import SIGNATURE_HEADER, Simulator
from tests.gateways.contract import GatewayContract
from tests.gateways.making import AMOUNT, a_capture, a_charge, a_refund, asking_for, in_time
from tests.gateways.simulated import SECRETS, event_of, options
from tests.simulator.provider import SLOW_SECONDS, Provider

ONE = [("capture", AMOUNT, "INR")]


@pytest.fixture(scope="module")
def provider(tmp_path_factory) -> Iterator[Provider]:
    made = Provider(tmp_path_factory.mktemp("provider"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def simulator(provider) -> Simulator:
    return Simulator(**options(provider.url))


def charged(simulator, payment_method="", **given):
    charge = a_charge(payment_method, **given)
    return charge, simulator.charge(charge, in_time())


class TestSimulator(GatewayContract):
    secrets = SECRETS
    success_method = "tok_visa"
    decline_method = "sim_decline_insufficient_funds"
    provider: Provider

    @pytest.fixture
    def entry(self, provider) -> dict[str, Any]:
        self.provider = provider
        path = "gateways.providers.simulator.Simulator"
        return {"class": path, "options": options(provider.url)}

    def signed(self, body, secret, at):
        return {SIGNATURE_HEADER: signatures.sign(secret, body, at)}

    def success_body(self, operation_id):
        return event_of(operation_id)

    def count_effects(self, operation_id):
        return len(self.provider.effects(str(operation_id)))


@pytest.mark.parametrize(
    ("fault", "effects"),
    [
        ("drop_before", []),
        ("error_before", []),
        ("drop_after", ONE),
        ("error_after", ONE),
        ("truncated", ONE),
        ("oversized", ONE),
    ],
)
def test_an_answer_that_does_not_arrive_is_lost_whatever_happened(
    provider, simulator, fault, effects
):
    charge = a_charge(f"sim_{fault}")

    with pytest.raises(AnswerLost):
        simulator.charge(charge, in_time())

    assert provider.effects(str(charge.operation_id)) == effects
    again = simulator.charge(charge, in_time())
    assert (again.kind, again.stored_answer) == (OutcomeKind.SUCCEEDED, False)
    assert provider.effects(str(charge.operation_id)) == ONE


@pytest.mark.parametrize("fault", ["slow_before", "slow_after", "drip"])
def test_an_answer_slower_than_the_deadline_is_lost_at_the_deadline(simulator, fault):
    started = time.monotonic()

    with pytest.raises(AnswerLost):
        simulator.charge(a_charge(f"sim_{fault}"), Deadline.after(SLOW_SECONDS / 3))

    assert time.monotonic() - started < SLOW_SECONDS


@pytest.mark.parametrize("fault", ["malformed", "html"])
def test_an_answer_that_makes_no_sense_is_never_guessed(provider, simulator, fault):
    charge = a_charge(f"sim_{fault}")

    with pytest.raises(UnexpectedAnswer):
        simulator.charge(charge, in_time())

    assert provider.effects(str(charge.operation_id)) == ONE
    found = simulator.find(asking_for(charge), in_time())
    assert isinstance(found, Found)
    assert found.outcome.kind is OutcomeKind.SUCCEEDED


def test_an_answer_that_names_another_account_says_which(simulator):
    charge = a_charge("sim_wrong_account")

    told = simulator.charge(charge, in_time())

    found = simulator.find(asking_for(charge), in_time())
    assert (told.kind, bool(told.account)) == (OutcomeKind.SUCCEEDED, True)
    assert (found.outcome.kind, found.outcome.account) == (OutcomeKind.SUCCEEDED, "")


def test_a_look_up_shows_what_was_captured_besides(simulator):
    charge = a_charge("sim_captured_twice")
    answer = simulator.charge(charge, in_time())

    found = simulator.find(asking_for(charge), in_time())

    ids = {found.outcome.provider_id, *(one.outcome.provider_id for one in found.besides)}
    assert (len(found.besides), len(ids)) == (1, 2)
    assert answer.provider_id in ids
    assert found.besides[0].reference == str(charge.operation_id)


@pytest.mark.parametrize(
    ("form", "seconds"),
    [("seconds", 1.0), ("bare", None), ("nonsense", None), ("huge", None), ("negative", None)],
)
def test_a_rate_limit_was_not_sent_and_absurd_patience_is_not_kept(simulator, form, seconds):
    with pytest.raises(NotSent) as refused:
        simulator.charge(a_charge(f"sim_rate_limited_{form}"), in_time())

    assert (refused.value.code, refused.value.retry_after_seconds) == ("rate_limited", seconds)


def test_a_rate_limit_with_a_date_is_understood(simulator):
    with pytest.raises(NotSent) as refused:
        simulator.charge(a_charge("sim_rate_limited_date"), in_time())

    assert refused.value.retry_after_seconds is not None
    assert 0 < refused.value.retry_after_seconds <= 3


@pytest.mark.parametrize(
    ("fault", "amount", "currency"),
    [("wrong_amount", 1001, "INR"), ("wrong_currency", 1000, "XTS")],
)
def test_other_money_in_the_answer_is_handed_on_as_it_is(simulator, fault, amount, currency):
    _, outcome = charged(simulator, f"sim_{fault}")

    assert (outcome.kind, outcome.amount, outcome.currency) == (
        OutcomeKind.SUCCEEDED, amount, currency,
    )  # fmt: skip


def test_a_provider_that_is_not_there_was_sent_nothing():
    nowhere = Simulator(**options("http://127.0.0.1:1"))
    nameless = Simulator(**options("http://nowhere.invalid"))

    for gateway in (nowhere, nameless):
        with pytest.raises(NotSent):
            gateway.charge(a_charge(), in_time())


def test_a_wrong_key_is_no_decline(provider):
    stranger = Simulator(**options(provider.url, api_key="another"))

    with pytest.raises(NotSent) as refused:
        stranger.charge(a_charge(), in_time())
    with pytest.raises(UnexpectedAnswer):
        stranger.find(asking_for(a_charge()), in_time())

    assert refused.value.code == "unauthorized"


def test_a_decline_kept_under_its_key_says_that_it_is_an_old_answer(simulator):
    charge, first = charged(simulator, "sim_decline_expired")

    second = simulator.charge(charge, in_time())

    assert (first.kind, first.code, first.stored_answer) == (OutcomeKind.DECLINED, "expired", False)
    assert second == replace(first, stored_answer=True)


def test_a_key_used_for_another_request_is_no_answer(provider, simulator):
    charge, _ = charged(simulator)

    with pytest.raises(UnexpectedAnswer):
        simulator.charge(replace(charge, amount=1), in_time())

    assert provider.effects(str(charge.operation_id)) == ONE


def test_a_pending_refund_is_pending_until_it_is_found_done(provider, simulator):
    charge, outcome = charged(simulator)
    refund = a_refund(charge, charge_provider_id=outcome.provider_id, reason="sim_pending_success")

    assert simulator.refund(refund, in_time()).kind is OutcomeKind.PENDING
    found = provider.until(lambda: _succeeded(simulator.find(asking_for(refund), in_time())))

    assert found.amount == AMOUNT


def _succeeded(found):
    outcome = found.outcome
    return outcome if outcome.kind is OutcomeKind.SUCCEEDED else None


def test_a_refund_of_a_charge_known_by_our_reference_only_is_carried_out(simulator):
    charge, _ = charged(simulator)

    outcome = simulator.refund(a_refund(charge, charge_provider_id=""), in_time())

    assert outcome.kind is OutcomeKind.SUCCEEDED


def test_what_the_look_up_misses_is_found_in_the_list_of_that_time(simulator):
    charge, _ = charged(simulator, "sim_find_lags")
    query = asking_for(charge)
    now = datetime.now(UTC)

    without = simulator.find(query, in_time())
    recent = simulator.find(replace(query, sent_from=now, sent_to=now), in_time())
    long_ago = now - timedelta(days=1)
    other_day = simulator.find(replace(query, sent_from=long_ago, sent_to=long_ago), in_time())

    assert without == other_day == NotFound()
    assert isinstance(recent, Found)


def test_a_list_that_is_too_long_is_no_proof_of_anything(tmp_path, monkeypatch):
    provider = Provider(tmp_path)
    provider.start()
    monkeypatch.setattr("gateways.providers.simulator._PAGE_SIZE", 1)
    monkeypatch.setattr("gateways.providers.simulator._PAGES_MAX", 3)
    simulator = Simulator(**options(provider.url))
    now = datetime.now(UTC)
    for _ in range(3):
        charged(simulator)
    never_sent = replace(asking_for(a_charge()), sent_from=now, sent_to=now)
    assert simulator.find(never_sent, in_time()) == NotFound()
    charged(simulator)

    with pytest.raises(AnswerLost):
        simulator.find(never_sent, in_time())

    provider.kill()


def test_of_two_charges_the_captured_one_is_found(provider, simulator):
    charge, _ = charged(simulator, "sim_decline_expired")
    provider.control("faults", reference=str(charge.operation_id), faults="success")
    second = simulator.charge(replace(charge, key="another key"), in_time())

    found = simulator.find(asking_for(charge), in_time())

    assert found == Found(second)
    assert second.kind is OutcomeKind.SUCCEEDED


def test_its_options_decide_what_it_promises(provider):
    plain, poor = Simulator(**options(provider.url)), Simulator(**options(provider.url, keys=False))

    assert plain.capabilities.keys
    assert plain.capabilities.key_lifetime == timedelta(days=1)
    assert not poor.capabilities.keys
    assert poor.capabilities.key_lifetime is None


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
