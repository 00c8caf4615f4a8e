"""What is asked of a provider, and when nothing may be sent any more."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest

from core.ids import uuid7
from gateways.base import AnswerLost, Found, NotFound, declined, not_sent, pending, succeeded
from payments import asking
from payments.asking import KEY_MARGIN, Errand, Question
from payments.cases import Case
from payments.facts import Said
from payments.models import Attempt, Operation, Payment
from tests.money import reciting

NOW = datetime(2026, 1, 10, tzinfo=UTC)
LIFETIME = timedelta(days=1)


def a_case(*outcomes: str, age: timedelta = timedelta(seconds=5)) -> Case:
    """Build a charge with earlier sends; an empty outcome is one nobody answered."""
    payment = Payment(id=uuid7(), amount=1_000, currency="INR", gateway="mock_success")
    operation = Operation(
        id=uuid7(),
        payment=payment,
        kind="charge",
        gateway="mock_success",
        amount=1_000,
        currency="INR",
        first_sent_at=NOW - age if outcomes else None,
    )
    attempts = [
        Attempt(
            id=uuid7(), operation=operation, kind="send", outcome=outcome, intended_at=NOW - age
        )
        for outcome in outcomes
    ]
    return Case(operation, payment, attempts)


def asked(case: Case, *, errand: Errand = Errand.CARRY_OUT, now: datetime = NOW) -> Question:
    question = asking.question(case, uuid4(), now, errand)
    assert question is not None
    return question


def is_asked_for(question: Question) -> str:
    parts = ("send" if question.send else "", "look" if question.query else "")
    return " and ".join(part for part in parts if part)


class TestWithKeys:
    @pytest.fixture(autouse=True)
    def _provider(self, settings):
        reciting(settings, NotFound())

    def test_the_first_time_it_is_sent(self):
        assert asked(a_case()).send is not None

    def test_an_unanswered_one_is_sent_again_under_the_same_key(self):
        case = a_case("")

        question = asked(case)

        assert question.again
        assert question.send is not None
        assert question.send.key == asking.provider_key(case.operation.id, "mock_success")
        assert question.query is not None

    def test_one_the_provider_has_not_decided_is_only_looked_at(self):
        assert is_asked_for(asked(a_case("pending"))) == "look"

    def test_an_inquiry_makes_no_first_send(self):
        assert is_asked_for(asked(a_case(), errand=Errand.INQUIRE)) == "look"

    def test_near_the_end_of_the_keys_life_nothing_is_sent(self):
        case = a_case("", age=LIFETIME - KEY_MARGIN + timedelta(seconds=1))

        assert is_asked_for(asked(case)) == "look"

    def test_just_before_that_it_is_sent_until_then_only(self):
        question = asked(a_case("", age=LIFETIME - KEY_MARGIN - timedelta(seconds=3)))

        assert question.send is not None
        assert question.send_seconds == 3

    def test_the_age_counts_from_the_first_intent(self):
        case = a_case("not_sent", "unknown", age=timedelta(days=2))

        assert is_asked_for(asked(case)) == "look"

    @pytest.mark.parametrize(
        ("age", "nobody"),
        [
            (LIFETIME, False),
            (LIFETIME + KEY_MARGIN, False),
            (LIFETIME + KEY_MARGIN + timedelta(seconds=1), True),
        ],
    )
    def test_nobody_can_send_once_the_key_is_dead_past_the_margin(self, age, nobody):
        assert asking.nobody_can_send(a_case("", age=age), NOW) is nobody

    def test_somebody_may_send_what_was_never_sent(self):
        assert not asking.nobody_can_send(a_case(), NOW)


class TestWithoutKeys:
    @pytest.fixture(autouse=True)
    def _provider(self, settings):
        reciting(settings, NotFound(), keys=False)

    def test_the_first_time_it_is_sent(self):
        assert asked(a_case()).send is not None

    @pytest.mark.parametrize("outcome", ["", "unknown"])
    def test_an_unanswered_one_is_never_sent_again(self, outcome):
        assert is_asked_for(asked(a_case(outcome))) == "look"

    def test_one_that_certainly_never_left_may_be_sent(self):
        assert asked(a_case("not_sent")).send is not None

    def test_it_can_never_be_said_that_nobody_can_send(self):
        assert not asking.nobody_can_send(a_case("", age=timedelta(days=400)), NOW)


def test_a_look_says_when_the_request_was_sent_for_providers_that_can_only_list(settings):
    reciting(settings, NotFound())
    week = timedelta(days=7)

    first = asked(a_case()).query
    again = asked(a_case("", "")).query
    looking = asked(a_case("", age=week), errand=Errand.LOOK).query

    assert first is not None
    assert again is not None
    assert looking is not None
    assert (first.sent_from, first.sent_to) == (NOW, NOW)
    assert (again.sent_from, again.sent_to) == (NOW - timedelta(seconds=5), NOW)
    assert (looking.sent_from, looking.sent_to) == (NOW - week, NOW - week)


def test_without_keys_and_without_look_up_nobody_can_be_asked(settings):
    reciting(settings, NotFound(), keys=False, find=False)

    assert asking.question(a_case(""), uuid4(), NOW, Errand.CARRY_OUT) is None


def heard(settings: Any, *answers: Any, case: Case) -> tuple[asking.Heard, list[Any]]:
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)  # one try, no retries
    gateway = reciting(settings, *answers)
    lease_end = monotonic() + 20
    answer = asking.ask(asked(case), lease_end)
    return answer, [type(request).__name__ for request in gateway.requests]


class TestAskingAgain:
    def test_believes_a_success_under_the_key(self, settings):
        answer, calls = heard(settings, succeeded("ch_1", 1_000, "INR"), case=a_case(""))

        assert (answer.said, calls) == (Said.SUCCEEDED, ["Charge"])

    def test_looks_behind_a_decline_kept_under_the_key(self, settings):
        found = Found(succeeded("ch_1", 1_000, "INR"))

        answer, calls = heard(settings, declined("old"), found, case=a_case(""))

        assert (answer.said, calls) == (Said.SUCCEEDED, ["Charge", "Query"])

    def test_looks_behind_a_lost_answer(self, settings):
        found = Found(declined("no"))

        answer, calls = heard(settings, AnswerLost("500"), found, case=a_case(""))

        assert (answer.said, calls) == (Said.DECLINED, ["Charge", "Query"])

    def test_looks_behind_a_pending_answer(self, settings):
        found = Found(succeeded("ch_1", 1_000, "INR"))

        answer, calls = heard(settings, pending("ch_1"), found, case=a_case(""))

        assert (answer.said, calls) == (Said.SUCCEEDED, ["Charge", "Query"])

    def test_takes_a_not_found_after_a_send_for_nothing(self, settings):
        answer, _ = heard(settings, AnswerLost("500"), NotFound(), case=a_case(""))

        assert answer.said is Said.UNKNOWN

    def test_takes_a_silent_look_up_for_nothing(self, settings):
        answer, _ = heard(settings, AnswerLost("500"), AnswerLost("500"), case=a_case(""))

        assert answer.said is Said.UNKNOWN


class TestAskingFirst:
    def test_believes_a_decline(self, settings):
        answer, calls = heard(settings, declined("no"), case=a_case())

        assert (answer.said, calls) == (Said.DECLINED, ["Charge"])

    def test_does_not_look_after_what_never_left(self, settings):
        answer, calls = heard(settings, not_sent("down"), case=a_case())

        assert (answer.said, calls) == (Said.NOT_SENT, ["Charge"])


def test_nothing_is_sent_when_the_lease_has_no_room_for_an_answer(settings):
    gateway = reciting(settings, succeeded("ch_1", 1_000, "INR"))

    answer = asking.ask(asked(a_case()), monotonic() + 0.5)

    assert answer.said is Said.NOT_SENT
    assert gateway.requests == []


def test_a_providers_key_is_of_operation_and_gateway_and_nothing_else():
    one, other = uuid7(), uuid7()

    keys = [asking.provider_key(*of) for of in ((one, "mock"), (one, "mock"), (one, "bank"),
                                                (other, "mock"))]  # fmt: skip

    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert all(one.hex in key for key in keys[:3])


def test_a_card_number_in_a_providers_words_is_masked(settings):
    answer, _ = heard(settings, declined("no", "card 4242424242424242 is stolen"), case=a_case())

    assert "4242424242424242" not in answer.detail
    assert answer.detail.endswith("is stolen")
