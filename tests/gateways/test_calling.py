"""What a call does with the tries of one operation."""

import json
import time
from typing import Any

import pytest
from prometheus_client import REGISTRY

from gateways import registry
from gateways.base import (
    AnswerLost,
    Deadline,
    Found,
    NotFound,
    NotSent,
    Outcome,
    OutcomeKind,
    Unanswered,
    declined,
    not_sent,
    pending,
    requires_action,
    succeeded,
    unknown,
)
from gateways.calling import TRIES_MAX, call
from tests.gateways.making import AMOUNT, a_charge, a_refund, asking_for, in_time
from tests.gateways.reciting import SECRET, Reciting

SUCCESS = succeeded("ch_1", AMOUNT, "INR")
UNAVAILABLE = NotSent("connection refused")
LOST = AnswerLost("time-out")


@pytest.fixture
def reciting(settings):
    def make(*answers: Any, **options: Any) -> Reciting:
        entry = {
            "class": "tests.gateways.reciting.Reciting",
            "options": {"answers": list(answers), "api_key": SECRET, **options},
        }
        settings.GATEWAYS = {"reciting": entry}
        gateway = registry.get("reciting")
        assert isinstance(gateway, Reciting)
        return gateway

    return make


def charge(deadline: Deadline | None = None) -> Outcome:
    return call("reciting", "charge", a_charge(), deadline or in_time())


class TestRepeating:
    @pytest.mark.parametrize("keys", [True, False])
    @pytest.mark.parametrize("refusal", [UNAVAILABLE, not_sent("breaker")])
    def test_what_was_not_sent_is_sent_again(self, reciting, refusal, keys):
        gateway = reciting(refusal, refusal, SUCCESS, keys=keys)

        assert charge() == SUCCESS
        assert len(gateway.requests) == 3

    @pytest.mark.parametrize("doubt", [LOST, unknown("server_error")])
    def test_unknown_is_asked_again_under_the_same_key(self, reciting, doubt):
        gateway = reciting(doubt, SUCCESS)

        assert charge() == SUCCESS
        first, second = gateway.requests
        assert first == second

    @pytest.mark.parametrize("doubt", [LOST, unknown("server_error")])
    def test_without_keys_an_unknown_is_never_sent_again(self, reciting, doubt):
        gateway = reciting(doubt, SUCCESS, keys=False)

        assert charge().kind is OutcomeKind.UNKNOWN
        assert len(gateway.requests) == 1

    @pytest.mark.parametrize(
        "answer", [SUCCESS, declined("expired"), pending("ch_1"), requires_action("https://a.test")]
    )
    def test_an_answer_ends_the_call(self, reciting, answer):
        gateway = reciting(answer, SUCCESS)

        assert charge() == answer
        assert len(gateway.requests) == 1

    def test_it_gives_up_after_some_tries(self, reciting):
        gateway = reciting(UNAVAILABLE)

        assert charge().kind is OutcomeKind.NOT_SENT
        assert len(gateway.requests) == TRIES_MAX

    def test_the_waits_grow_and_differ(self, reciting):
        gateway = reciting(UNAVAILABLE)

        charge()

        waits = [b - a for a, b in zip(gateway.sent_at, gateway.sent_at[1:], strict=False)]
        assert 0.1 <= waits[0] < waits[2] < waits[3]
        assert len({round(wait % 0.1, 6) for wait in waits}) == len(waits)

    def test_refunds_follow_the_same_rules(self, reciting):
        gateway = reciting(LOST, succeeded("re_1", AMOUNT, "INR"))

        outcome = call("reciting", "refund", a_refund(a_charge()), in_time())

        assert outcome.kind is OutcomeKind.SUCCEEDED
        assert len(gateway.requests) == 2


class TestTotal:
    def test_not_sent_after_unknown_is_unknown(self, reciting):
        reciting(LOST, UNAVAILABLE)

        assert charge().kind is OutcomeKind.UNKNOWN

    def test_unknown_after_not_sent_is_unknown(self, reciting):
        reciting(UNAVAILABLE, LOST)

        assert charge().kind is OutcomeKind.UNKNOWN

    def test_too_late_after_unknown_is_unknown(self, reciting):
        gateway = reciting(LOST, SUCCESS)

        assert charge(Deadline.after(5, send_within=0.05)).kind is OutcomeKind.UNKNOWN
        assert len(gateway.requests) == 1

    def test_a_success_after_unknown_is_a_success(self, reciting):
        reciting(LOST, SUCCESS)

        assert charge() == SUCCESS

    def test_a_decline_after_unknown_may_be_an_old_answer(self, reciting):
        reciting(LOST, declined("server_says_no"))

        outcome = charge()

        assert outcome.kind is OutcomeKind.DECLINED
        assert outcome.stored_answer

    def test_a_decline_after_not_sent_is_a_new_answer(self, reciting):
        reciting(UNAVAILABLE, declined("server_says_no"))

        assert charge() == declined("server_says_no")


class TestTime:
    def test_nothing_is_sent_when_no_request_may_leave(self, reciting):
        gateway = reciting(SUCCESS)

        outcome = charge(Deadline.after(5, send_within=0))

        assert (outcome.kind, outcome.code) == (OutcomeKind.NOT_SENT, "too_late")
        assert gateway.requests == []

    def test_nothing_is_sent_after_the_deadline(self, reciting):
        gateway = reciting(SUCCESS)

        assert charge(Deadline.after(0)).kind is OutcomeKind.NOT_SENT
        assert gateway.requests == []

    def test_it_does_not_wait_for_a_try_that_may_not_be_sent(self, reciting):
        gateway = reciting(NotSent("connection refused", code="refused"))

        outcome = charge(Deadline.after(5, send_within=0.05))

        assert outcome.code == "refused"
        assert len(gateway.requests) == 1

    def test_it_stops_well_before_the_deadline(self, reciting):
        reciting(UNAVAILABLE)
        deadline = Deadline.after(0.8)

        charge(deadline)

        assert deadline.remaining() > 0.4

    def test_it_waits_as_long_as_the_provider_asks(self, reciting):
        gateway = reciting(NotSent("429", retry_after_seconds=0.6), SUCCESS)

        assert charge() == SUCCESS
        assert gateway.sent_at[1] - gateway.sent_at[0] >= 0.6

    def test_it_leaves_a_longer_wait_to_the_caller(self, reciting):
        gateway = reciting(NotSent("429", code="rate_limited", retry_after_seconds=3_600), SUCCESS)
        started = time.monotonic()

        outcome = charge()

        assert (outcome.kind, outcome.retry_after_seconds) == (OutcomeKind.NOT_SENT, 3_600)
        assert len(gateway.requests) == 1
        assert time.monotonic() - started < 0.5


class TestTheUnexpected:
    @pytest.mark.parametrize("surprise", [ValueError("new status"), None, "ok", NotFound()])
    def test_an_answer_nobody_knows_is_unknown_and_asked_once(self, reciting, surprise):
        gateway = reciting(surprise)

        outcome = charge()

        assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, "unexpected_answer")
        assert len(gateway.requests) == 1

    def test_it_is_logged_with_its_trace_and_without_secrets(self, reciting, lines):
        reciting(ValueError(f"GET https://x.test/?k={SECRET} said maybe"))

        charge()

        written = lines.getvalue()
        assert "gateway.unexpected" in written
        assert "said maybe" in written
        assert "Traceback" in written
        assert SECRET not in written

    def test_a_gateway_that_is_not_configured_was_not_sent_to(self, settings):
        settings.GATEWAYS = {}

        outcome = call("gone", "charge", a_charge(), in_time())
        finding = call("gone", "find", asking_for(a_charge()), in_time())

        assert outcome.kind is OutcomeKind.NOT_SENT
        assert finding == Unanswered("gateway_missing")


class TestFinding:
    @pytest.mark.parametrize("finding", [Found(SUCCESS), NotFound()])
    def test_what_the_provider_knows_is_returned(self, reciting, finding):
        reciting(finding)

        assert call("reciting", "find", asking_for(a_charge()), in_time()) == finding

    @pytest.mark.parametrize("trouble", [LOST, UNAVAILABLE])
    def test_a_question_is_always_safe_to_repeat(self, reciting, trouble):
        gateway = reciting(trouble, trouble, NotFound(), keys=False)

        assert call("reciting", "find", asking_for(a_charge()), in_time()) == NotFound()
        assert len(gateway.requests) == 3

    @pytest.mark.parametrize("trouble", [LOST, UNAVAILABLE, ValueError("?"), SUCCESS])
    def test_a_question_without_answer_tells_nothing_about_the_money(self, reciting, trouble):
        reciting(trouble)

        finding = call("reciting", "find", asking_for(a_charge()), in_time())

        assert isinstance(finding, Unanswered)

    def test_a_gateway_that_cannot_find_is_not_asked(self, reciting):
        gateway = reciting(NotFound(), find=False)

        finding = call("reciting", "find", asking_for(a_charge()), in_time())

        assert finding == Unanswered("cannot_find")
        assert gateway.requests == []


class TestRecords:
    def test_each_call_is_one_line(self, reciting, lines):
        reciting(UNAVAILABLE, SUCCESS)
        request = a_charge()

        call("reciting", "charge", request, in_time())

        (line,) = [json.loads(line) for line in lines.getvalue().splitlines()]
        assert line["event"] == "gateway.call"
        assert (line["gateway"], line["operation"]) == ("reciting", "charge")
        assert (line["outcome"], line["tries"]) == ("succeeded", 2)
        assert line["operation_id"] == str(request.operation_id)
        assert line["milliseconds"] >= 100

    @pytest.mark.parametrize(
        ("operation", "answer", "outcome"),
        [
            ("charge", SUCCESS, "succeeded"),
            ("charge", declined("expired"), "declined"),
            ("find", Found(SUCCESS), "found"),
            ("find", NotFound(), "not_found"),
        ],
    )
    def test_each_call_is_counted_by_its_outcome(self, reciting, operation, answer, outcome):
        reciting(answer)
        request = a_charge() if operation == "charge" else asking_for(a_charge())
        labels = {"gateway": "reciting", "operation": operation, "outcome": outcome}
        before = REGISTRY.get_sample_value("pay_gateway_calls_total", labels) or 0

        call("reciting", operation, request, in_time())

        assert REGISTRY.get_sample_value("pay_gateway_calls_total", labels) == before + 1
