"""A person who ends a review has seen what there is; anything new asks for one again."""

from datetime import timedelta
from typing import Any

import pytest

from core.audit import ActRefused, AuditEntry
from core.db import OPERATOR, acting_as, row_dicts, rows
from gateways.base import AnswerLost, succeeded
from payments.fact_invariants import INVARIANTS
from payments.facts import Review
from payments.models import Event, Payment, Seen
from payments.operating import end_review, sight_of
from tests.conftest import as_owner
from tests.money import a_shop, charge_of, drain, hurry, reciting, run_due, told

pytestmark = pytest.mark.usefixtures("committed_db")

BY = {"actor": "ada", "reason": "one of them was paid back by hand"}
DEAD = "UPDATE outbox_message SET state = 9, finished_at = now() WHERE state = 0"


@pytest.fixture(autouse=True)
def _one_try_a_call(settings: Any) -> None:
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)


def review_of(payment: Payment) -> tuple[bool, str]:
    payment.refresh_from_db()
    return payment.needs_review, payment.review_reason


def ended(payment: Payment, **seen: Any) -> None:
    payment.refresh_from_db()
    with acting_as(OPERATOR):
        known = {"version": payment.version, "seen_as": sight_of(payment)}
        end_review(payment.id, **{**known, **BY, **seen})


def broken() -> list[str]:
    """Return which invariants of the facts do not hold, had all of them been said long ago."""
    with as_owner():
        return [
            one.name
            for one in INVARIANTS
            if row_dicts(one.sql.replace("interval '1 minute'", "interval '0'"))
        ]


def moved_twice() -> Payment:
    payment = a_shop().sold(1_000)
    told(payment, "charge.succeeded", provider_id="ch_other")
    drain()
    assert review_of(payment) == (True, Review.MOVED_TWICE)
    return payment


def other_money(settings: Any, *answers: Any) -> Payment:
    """Return a payment of which the provider says that less money moved, again and again."""
    settings.REVIEW_AFTER = timedelta(0)
    reciting(settings, succeeded("ch_1", 999, "INR"), *answers)
    payment = a_shop().accepted(1_000)
    run_due()
    assert review_of(payment) == (True, Review.OTHER_MONEY)
    return payment


class TestEndingAReview:
    def test_is_told_to_the_merchant_and_to_the_auditor(self):
        payment = moved_twice()

        ended(payment)

        assert review_of(payment) == (False, "")
        event = Event.objects.get(type="payment.review_ended")
        assert event.payload["needs_review"] is False
        with acting_as(OPERATOR):
            entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor) == ("payment.review_ended", "ada")
        assert entry.before["review_reason"] == Review.MOVED_TWICE
        assert event.xid == entry.xid

    def test_lasts_while_the_same_is_said_again(self):
        payment = moved_twice()
        ended(payment)

        for provider_id in ("ch_other", charge_of(payment).provider_id):
            told(payment, "charge.succeeded", provider_id=provider_id)
            drain()

        assert review_of(payment) == (False, "")
        assert Event.objects.filter(type="payment.needs_review").count() == 1

    def test_does_not_outlast_something_new(self):
        payment = moved_twice()
        ended(payment)

        told(payment, "charge.succeeded", provider_id="ch_third")
        drain()

        assert review_of(payment) == (True, Review.MOVED_TWICE)
        ended(payment)
        assert review_of(payment) == (False, "")

    def test_of_a_charge_that_stays_open_lasts_while_it_is_asked_about(self, settings):
        payment = other_money(settings)

        ended(payment)
        for _ in range(3):
            hurry()
            run_due()

        assert review_of(payment) == (False, "")
        assert payment.status == "PROCESSING"
        assert charge_of(payment).attempts.count() > 1
        slow = rows("SELECT available_at - now() > interval '59 min' FROM outbox_message")
        assert slow == [(True,)]
        assert broken() == []

    def test_of_a_charge_that_stays_open_ends_with_other_money_again(self, settings):
        payment = other_money(settings, succeeded("ch_2", 998, "INR"))
        ended(payment)

        hurry()
        run_due()

        assert review_of(payment) == (True, Review.OTHER_MONEY)

    def test_with_nobody_who_saw_it_is_noticed(self, settings):
        payment = other_money(settings)

        rows(
            "UPDATE payments_payment SET needs_review = false, review_reason = '' WHERE id = %s",
            [payment.id],
        )

        assert "payments-strange-money-is-reviewed" in broken()

    def test_needs_the_version_and_the_facts_that_were_seen(self):
        payment = moved_twice()
        with acting_as(OPERATOR):
            old = sight_of(payment)
        told(payment, "charge.succeeded", provider_id="ch_third")
        drain()

        for stale in ({"seen_as": old}, {"version": payment.version - 1}):
            with pytest.raises(ActRefused, match="there is something new"):
                ended(payment, **stale)

        assert review_of(payment)[0]
        assert not Seen.objects.exists()

    def test_needs_a_reason(self):
        payment = moved_twice()

        with pytest.raises(ValueError, match="a reason"):
            ended(payment, reason="")

        assert review_of(payment)[0]
        assert not Event.objects.filter(type="payment.review_ended").exists()

    def test_is_done_once(self):
        payment = moved_twice()
        ended(payment)

        with pytest.raises(ActRefused, match="nobody is asked"):
            ended(payment)

    def test_of_a_doubt_is_refused(self, settings):
        settings.REVIEW_AFTER = timedelta(0)
        reciting(settings, AnswerLost("cut"), find=False)
        payment = a_shop().accepted()
        for _ in range(2):
            hurry()
            run_due()
        assert review_of(payment) == (True, "its outcome is still unknown")

        with pytest.raises(ActRefused, match="have the provider asked"):
            ended(payment)

    def test_is_refused_while_something_else_is_left_to_nobody(self, settings):
        shop = a_shop()
        payment = shop.sold(1_000)
        told(payment, "charge.succeeded", provider_id="ch_other")
        drain()
        shop.refund(payment, key="a", amount=100)
        rows(DEAD)

        with pytest.raises(ActRefused, match="is dead: replay it"):
            ended(payment)

    def test_is_possible_while_a_refund_is_on_its_way(self):
        shop = a_shop()
        payment = shop.sold(1_000)
        told(payment, "charge.succeeded", provider_id="ch_other")
        drain()
        shop.refund(payment, key="a", amount=100)

        ended(payment)
        drain()

        assert review_of(payment) == (False, "")
        assert payment.amount_refunded == 100

    def test_changes_nothing_that_the_facts_say(self, settings):
        payment = moved_twice()
        columns = "status, amount_captured, amount_refunded, version"
        before = rows(f"SELECT {columns} FROM payments_payment")

        ended(payment)

        assert rows(f"SELECT {columns} FROM payments_payment") == before
        assert broken() == []


def test_a_refusal_of_other_money_is_seen_too(settings):
    settings.REVIEW_AFTER = timedelta(0)
    reciting(settings, AnswerLost("cut"), find=False)
    payment = a_shop().accepted()
    run_due()
    told(payment, "charge.failed", amount=999, code="no")
    run_due()
    assert review_of(payment) == (True, Review.OTHER_MONEY)

    ended(payment)
    for _ in range(2):
        hurry()
        run_due()

    assert review_of(payment) == (False, "")
    assert broken() == []
