"""The adapter to the simulator, against the real program over real sockets."""

import time
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
from tests.gateways.making import AMOUNT, a_charge, a_refund, asking_for, in_time
from tests.gateways.simulated import SECRETS, charged, event_of, options
from tests.simulator.provider import SLOW_SECONDS, Provider

ONE = [("capture", AMOUNT, "INR")]


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
