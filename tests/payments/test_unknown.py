"""A charge whose answer was lost: asked about, never guessed, never failed by a clock."""

from datetime import timedelta

import pytest

from gateways.base import AnswerLost, Found, NotFound, NotSent, declined, pending, succeeded
from payments.models import Attempt, Event
from tests.money import a_shop, charge_of, hurry, messages, reciting, run_due

pytestmark = pytest.mark.django_db

# All of a test is one transaction, in which the database's clock stands still.
OVER = timedelta(seconds=-1)
TAKEN = succeeded("ch_1", 1_000, "INR")


@pytest.fixture(autouse=True)
def _one_try_a_call(settings):
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)


def run_again(times: int = 1) -> None:
    for _ in range(times):
        hurry()
        run_due()


def said(gateway) -> list[str]:
    return [type(request).__name__ for request in gateway.requests]


class TestAtAProviderWithKeys:
    def test_it_is_processing_and_says_since_when_nobody_knows(self, settings):
        reciting(settings, AnswerLost("cut"))
        payment = a_shop().accepted()

        run_due()

        payment.refresh_from_db()
        assert payment.status == "PROCESSING"
        assert payment.outcome_unknown_since is not None
        assert Event.objects.filter(type="payment.outcome_unknown").count() == 1

    def test_it_waits_in_the_lane_of_inquiries_and_spends_nothing(self, settings):
        reciting(settings, AnswerLost("cut"))
        payment = a_shop().accepted()

        run_due()

        found = messages(charge_of(payment).id, "lane", "state", "failures")
        assert found == [("inquire:mock_success", 0, 0)]

    def test_it_is_asked_again_under_the_same_key(self, settings):
        gateway = reciting(settings, AnswerLost("cut"), TAKEN)
        payment = a_shop().accepted()

        run_due()
        run_again()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert payment.outcome_unknown_since is None
        assert len({request.key for request in gateway.requests}) == 1

    def test_a_decline_kept_under_the_key_is_looked_behind(self, settings):
        gateway = reciting(settings, AnswerLost("cut"), declined("old"), Found(TAKEN))
        payment = a_shop().accepted()

        run_due()
        run_again()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert said(gateway) == ["Charge", "Charge", "Query"]

    def test_not_found_soon_after_a_send_proves_nothing(self, settings):
        reciting(settings, pending("ch_1"), NotFound())
        payment = a_shop().accepted()

        run_due()
        run_again(3)

        payment.refresh_from_db()
        assert (payment.status, payment.needs_review) == ("PROCESSING", False)

    def test_not_found_later_calls_a_person_and_fails_nothing(self, settings):
        settings.STALE_READ_WINDOW = OVER
        reciting(settings, pending("ch_1"), NotFound())
        payment = a_shop().accepted()

        run_due()
        run_again()

        payment.refresh_from_db()
        assert (payment.status, payment.needs_review) == ("PROCESSING", True)
        assert payment.review_reason

    def test_time_alone_calls_a_person_and_fails_nothing(self, settings):
        settings.REVIEW_AFTER = OVER
        reciting(settings, AnswerLost("cut"))
        payment = a_shop().accepted()

        run_due()
        run_again(5)

        payment.refresh_from_db()
        assert (payment.status, payment.needs_review) == ("PROCESSING", True)

    def test_a_person_looking_slows_the_inquiry_and_does_not_end_it(self, settings):
        settings.REVIEW_AFTER = OVER
        gateway = reciting(settings, AnswerLost("cut"))
        payment = a_shop().accepted()
        run_due()
        run_again(3)

        (found,) = messages(charge_of(payment).id, "state", "available_at - now()")
        gateway.answers[:] = [TAKEN]
        run_again()

        payment.refresh_from_db()
        assert found[0] == 0
        assert found[1] > timedelta(minutes=59)
        assert (payment.status, payment.needs_review) == ("SUCCESS", False)


class TestAtAProviderWithoutKeys:
    def test_it_is_sent_once_ever(self, settings):
        gateway = reciting(settings, AnswerLost("cut"), NotFound(), keys=False)
        a_shop().accepted()

        run_due()
        run_again(5)

        assert said(gateway) == ["Charge"] + ["Query"] * 5

    def test_not_found_ends_with_a_person(self, settings):
        settings.STALE_READ_WINDOW = OVER
        reciting(settings, AnswerLost("cut"), NotFound(), keys=False)
        payment = a_shop().accepted()

        run_due()
        run_again(2)

        payment.refresh_from_db()
        assert (payment.status, payment.needs_review) == ("PROCESSING", True)

    def test_found_is_believed(self, settings):
        reciting(settings, AnswerLost("cut"), Found(TAKEN), keys=False)
        payment = a_shop().accepted()

        run_due()
        run_again()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"

    def test_what_certainly_never_left_is_sent_again(self, settings):
        gateway = reciting(settings, NotSent("refused"), TAKEN, keys=False)
        payment = a_shop().accepted()

        run_due()
        run_again()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert said(gateway) == ["Charge", "Charge"]


def test_nobody_to_ask_is_a_persons_matter(settings):
    gateway = reciting(settings, AnswerLost("cut"), keys=False, find=False)
    payment = a_shop().accepted()

    run_due()
    run_again(2)

    payment.refresh_from_db()
    assert (payment.status, payment.needs_review) == ("PROCESSING", True)
    assert said(gateway) == ["Charge"]


def test_another_amount_is_never_posted_and_calls_a_person(settings):
    reciting(settings, succeeded("ch_1", 1_001, "INR"))
    payment = a_shop().accepted()

    run_due()

    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == ("PROCESSING", 0)
    assert "another amount" in payment.review_reason


def test_every_call_is_intended_before_and_answered_after(settings):
    reciting(settings, AnswerLost("cut"), TAKEN)
    a_shop().accepted()

    run_due()
    run_again()

    attempts = Attempt.objects.order_by("id")
    assert [attempt.outcome for attempt in attempts] == ["unknown", "succeeded"]
    assert all(attempt.answered_at for attempt in attempts)
    assert {attempt.kind for attempt in attempts} == {"send"}


def test_what_was_never_sent_spends_attempts_and_waits(settings):
    reciting(settings, NotSent("down", retry_after_seconds=30))
    payment = a_shop().accepted()

    run_due()

    ((failures, wait),) = messages(charge_of(payment).id, "failures", "available_at - now()")
    assert failures == 1
    assert wait >= timedelta(seconds=30)
