"""What each magic value does, seen through the gateway itself."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from gateways.base import (
    AnswerLost,
    Deadline,
    Found,
    NotFound,
    NotSent,
    Outcome,
    OutcomeKind,
    UnexpectedAnswer,
)
from gateways.mocks import tokens
from gateways.providers.mock import Mock
from tests.gateways.contract import GatewayContract
from tests.gateways.making import AMOUNT, a_charge, asking_for, effects, in_time
from tests.gateways.mocking import Mocking

ONE_CHARGE = [("charge", AMOUNT, "INR")]


class TestMock(Mocking, GatewayContract):
    class_path = "gateways.providers.mock.Mock"
    success_method = "tok_success"
    decline_method = "tok_decline_insufficient_funds"


@pytest.fixture
def mock(database) -> Mock:
    return Mock(database=database)


def charge_found(mock: Mock, charge) -> Outcome:
    found = mock.find(asking_for(charge), in_time())
    assert isinstance(found, Found)
    return found.outcome


@pytest.mark.parametrize("payment_method", ["", "tok_success", "tok_of_tomorrow"])
def test_any_other_value_succeeds(mock, payment_method):
    assert mock.charge(a_charge(payment_method), in_time()).kind is OutcomeKind.SUCCEEDED


@pytest.mark.parametrize(
    "payment_method", [name for name in tokens.CHARGES if name.startswith("tok_decline_")]
)
def test_a_decline_value_names_its_code(mock, payment_method):
    outcome = mock.charge(a_charge(payment_method), in_time())

    assert outcome.kind is OutcomeKind.DECLINED
    assert f"tok_decline_{outcome.code}" == payment_method


def test_a_decline_repeated_under_its_key_says_that_it_is_an_old_answer(mock):
    charge = a_charge("tok_decline_expired")
    first = mock.charge(charge, in_time())

    second = mock.charge(charge, in_time())

    assert first.stored_answer is False
    assert second == replace(first, stored_answer=True)


def test_a_pending_charge_has_no_effect_before_its_time(mock, database):
    charge = a_charge("tok_pending_success")

    outcome = mock.charge(charge, in_time())

    assert outcome.kind is OutcomeKind.PENDING
    assert charge_found(mock, charge).kind is OutcomeKind.PENDING
    assert effects(database) == []


def test_a_pending_charge_is_found_settled_when_due_though_its_key_still_says_pending(
    mock, database
):
    good = a_charge("tok_pending_silent_success")
    bad = a_charge("tok_pending_failure")
    mock.charge(good, in_time())
    mock.charge(bad, in_time())
    time.sleep(tokens.PENDING_SECONDS + 0.05)

    repeated = mock.charge(good, in_time())

    assert (repeated.kind, repeated.stored_answer) == (OutcomeKind.PENDING, True)
    assert charge_found(mock, good).kind is OutcomeKind.SUCCEEDED
    assert charge_found(mock, bad).code == "do_not_honor"
    assert effects(database) == ONE_CHARGE


def test_a_late_success_is_first_declined_and_then_charged(mock, database):
    charge = a_charge("tok_late_success")
    outcome = mock.charge(charge, in_time())
    time.sleep(tokens.LATE_SECONDS + 0.05)

    later = charge_found(mock, charge)

    assert outcome.kind is OutcomeKind.DECLINED
    assert (later.kind, later.provider_id) == (OutcomeKind.SUCCEEDED, outcome.provider_id)
    assert effects(database) == ONE_CHARGE


@pytest.mark.parametrize("payment_method", ["tok_slow", "tok_timeout"])
def test_an_answer_slower_than_the_deadline_is_lost_at_the_deadline_after_the_effect(
    mock, database, payment_method
):
    started = time.monotonic()

    with pytest.raises(AnswerLost):
        mock.charge(a_charge(payment_method), Deadline.after(0.3))

    assert 0.3 <= time.monotonic() - started < 1.0
    assert effects(database) == ONE_CHARGE


def test_a_slow_answer_arrives_when_there_is_time(mock):
    outcome = mock.charge(a_charge("tok_slow"), in_time())

    assert outcome.kind is OutcomeKind.SUCCEEDED


def test_a_lost_answer_is_repeated_under_its_key_with_one_effect(mock, database):
    charge = a_charge("tok_answer_lost")

    with pytest.raises(AnswerLost):
        mock.charge(charge, in_time())
    again = mock.charge(charge, in_time())

    assert again.kind is OutcomeKind.SUCCEEDED
    assert effects(database) == ONE_CHARGE


@pytest.mark.parametrize("payment_method", ["tok_lost_before", "tok_5xx_before"])
def test_what_fails_before_the_effect_leaves_nothing_and_works_the_second_time(
    mock, database, payment_method
):
    charge = a_charge(payment_method)

    with pytest.raises(AnswerLost):
        mock.charge(charge, in_time())

    assert mock.find(asking_for(charge), in_time()) == NotFound()
    assert effects(database) == []
    assert mock.charge(charge, in_time()).kind is OutcomeKind.SUCCEEDED


def test_an_error_stored_under_the_key_hides_an_effect_that_only_find_tells(mock, database):
    charge = a_charge("tok_5xx_after")

    with pytest.raises(AnswerLost, match="500"):
        mock.charge(charge, in_time())
    with pytest.raises(AnswerLost, match="500"):
        mock.charge(charge, in_time())

    assert charge_found(mock, charge).kind is OutcomeKind.SUCCEEDED
    assert effects(database) == ONE_CHARGE


def test_a_find_that_lags_misses_what_has_happened_for_a_while(mock, database):
    charge = a_charge("tok_find_lags")

    with pytest.raises(AnswerLost):
        mock.charge(charge, in_time())
    with pytest.raises(AnswerLost):
        mock.charge(charge, in_time())

    assert mock.find(asking_for(charge), in_time()) == NotFound()
    assert effects(database) == ONE_CHARGE
    time.sleep(tokens.HIDDEN_SECONDS + 0.05)
    assert charge_found(mock, charge).kind is OutcomeKind.SUCCEEDED
    assert mock.charge(charge, in_time()).kind is OutcomeKind.SUCCEEDED
    assert effects(database) == ONE_CHARGE


def test_an_unavailable_provider_did_nothing(mock, database):
    always, once = a_charge("tok_unavailable"), a_charge("tok_unavailable_once")

    for charge in (always, once, always):
        with pytest.raises(NotSent):
            mock.charge(charge, in_time())

    assert effects(database) == []
    assert mock.charge(once, in_time()).kind is OutcomeKind.SUCCEEDED


def test_a_rate_limit_says_when_to_come_back(mock):
    with pytest.raises(NotSent) as refused:
        mock.charge(a_charge("tok_rate_limited_once"), in_time())

    assert refused.value.retry_after_seconds == 1.0


def test_a_wrong_amount_is_wrong_everywhere_at_the_provider(mock, database):
    charge = a_charge("tok_wrong_amount")

    outcome = mock.charge(charge, in_time())

    assert outcome.amount == AMOUNT + 1
    assert charge_found(mock, charge).amount == AMOUNT + 1
    assert effects(database) == [("charge", AMOUNT + 1, "INR")]


def test_a_key_used_for_another_request_is_an_error_and_no_answer(mock, database):
    charge = a_charge()
    mock.charge(charge, in_time())

    with pytest.raises(UnexpectedAnswer):
        mock.charge(replace(charge, amount=1), in_time())

    assert effects(database) == ONE_CHARGE


def test_a_key_older_than_its_lifetime_charges_again(database):
    mock = Mock(database=database, key_lifetime_seconds=0.2)
    charge = a_charge()
    mock.charge(charge, in_time())
    time.sleep(0.25)

    mock.charge(charge, in_time())

    assert effects(database) == ONE_CHARGE * 2


def test_its_options_decide_what_it_can_do(database):
    plain = Mock(database=database)
    poor = Mock(database=database, keys=False, find=False)

    assert plain.capabilities.keys
    assert plain.capabilities.key_lifetime == timedelta(days=1)
    assert plain.capabilities.find
    assert not poor.capabilities.keys
    assert poor.capabilities.key_lifetime is None
    assert not poor.capabilities.find
