"""Failed operations are looked up once a day: a provider may carry them out after all."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from psycopg2.errors import CheckViolation

from core.db import rows
from gateways.base import AnswerLost, Found, NotFound, declined, succeeded
from ledger.models import Transaction
from payments import rechecking
from payments.models import Attempt, Event, Operation, Payment
from tests.gateways.reciting import Reciting
from tests.money import a_shop, charge_of, hurry, messages, net, reciting, run_due, told
from tests.payments.planting import plant_operation, plant_payment
from tests.payments.promises import broken

pytestmark = pytest.mark.django_db

TAKEN = Found(succeeded("ch_1", 1_000, "INR"))
STILL_NO = Found(declined("no"))


@pytest.fixture(autouse=True)
def _one_try_a_call(settings: Any) -> None:
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)


def refused(settings: Any, *looks: Any, **capabilities: Any) -> tuple[Payment, Reciting]:
    """Return a payment that was declined, and its gateway, which answers looks so."""
    gateway = reciting(settings, declined("no"), *looks, **capabilities)
    payment = a_shop().accepted()
    run_due()
    payment.refresh_from_db()
    assert payment.status == "FAILED"
    return payment, gateway


def a_day_later(settings: Any, payment: Payment, days: int = 1) -> int:
    """Make the look due, as it is after so many days; stage it."""
    rows(
        "UPDATE payments_operation SET recheck_at = now() WHERE payment_id = %s"
        " AND recheck_at IS NOT NULL",
        [payment.id],
    )
    # The time of the failure is fixed, so the window moves instead.
    settings.RECHECK_WINDOW = settings.RECHECK_WINDOW - days * settings.RECHECK_EVERY
    return rechecking.stage_due()


def said(gateway: Reciting) -> list[str]:
    return [type(request).__name__ for request in gateway.requests]


def wait_of(payment: Payment) -> timedelta | None:
    wait: timedelta | None
    ((wait,),) = rows(
        "SELECT recheck_at - now() FROM payments_operation WHERE payment_id = %s AND kind='charge'",
        [payment.id],
    )
    return wait


def test_a_failure_is_looked_up_a_day_later(settings: Any) -> None:
    payment, _ = refused(settings)

    assert wait_of(payment) == settings.RECHECK_EVERY
    assert rechecking.stage_due() == 0


def test_what_was_never_sent_is_not_looked_up(settings: Any) -> None:
    reciting(settings, declined("no"))
    payment = a_shop().accepted()
    (message_id,) = messages(charge_of(payment).id, "id")[0]
    rows("UPDATE outbox_message SET available_at = now() + '1 hour' WHERE id = %s", [message_id])
    told(payment, "charge.failed", code="no")
    run_due()
    payment.refresh_from_db()

    assert payment.status == "FAILED"
    assert wait_of(payment) is None


def test_a_gateway_that_cannot_look_is_not_asked(settings: Any) -> None:
    payment, _ = refused(settings, find=False)

    assert wait_of(payment) is None


def test_a_success_found_then_is_booked_and_told_as_late(settings: Any) -> None:
    payment, gateway = refused(settings, TAKEN)

    assert a_day_later(settings, payment) == 1
    run_due()

    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == ("SUCCESS", 1_000)
    assert said(gateway) == ["Charge", "Query"]
    assert Transaction.objects.get(kind="payment.captured").flags == "late"
    assert net(payment)["posted", "merchant_payable"] == -1_000
    assert Event.objects.filter(type="payment.succeeded_late").count() == 1
    assert wait_of(payment) is None
    assert messages(charge_of(payment).id, "kind", "state") == [("charge", 8), ("recheck", 8)]
    assert broken() == []


def test_a_refund_found_then_is_booked_as_late(settings: Any) -> None:
    shop = a_shop()
    payment = shop.sold(1_000)
    reciting(settings, declined("no"), Found(succeeded("re_1", 1_000, "INR")))
    shop.refund(payment)
    run_due()

    a_day_later(settings, payment)
    run_due()

    payment.refresh_from_db()
    assert (payment.status, payment.amount_refunded) == ("REFUNDED", 1_000)
    assert net(payment) == {}
    assert broken() == []


def test_another_no_waits_for_the_next_day_until_the_window_ends(settings: Any) -> None:
    payment, gateway = refused(settings, STILL_NO)
    days = []

    while a_day_later(settings, payment):
        run_due()
        days.append(wait_of(payment))

    payment.refresh_from_db()
    assert days == [timedelta(days=1)] * 5 + [None]
    assert (payment.status, payment.needs_review) == ("FAILED", False)
    assert said(gateway) == ["Charge"] + ["Query"] * 6
    assert broken() == []


@pytest.mark.parametrize("look", [STILL_NO, NotFound(), AnswerLost("cut")])
def test_a_look_never_sends(settings: Any, look: Any) -> None:
    payment, gateway = refused(settings, look)

    a_day_later(settings, payment)
    run_due()

    assert said(gateway) == ["Charge", "Query"]
    assert set(Attempt.objects.order_by("id").values_list("kind", flat=True)[1:]) == {"ask"}


def test_a_look_is_staged_once(settings: Any) -> None:
    settings.RECHECK_EVERY = timedelta(0)
    payment, _ = refused(settings, STILL_NO)

    for _ in range(3):
        rechecking.stage_due()

    assert messages(charge_of(payment).id, "kind", "state") == [("charge", 8), ("recheck", 0)]


def test_an_unanswered_look_spends_an_attempt_and_comes_back(settings: Any) -> None:
    payment, _ = refused(settings, AnswerLost("cut"), TAKEN)
    a_day_later(settings, payment)

    run_due()
    found = messages(charge_of(payment).id, "kind", "state", "failures")[1]
    hurry()
    run_due()

    payment.refresh_from_db()
    assert found == ("recheck", 0, 1)
    assert payment.status == "SUCCESS"


def test_a_look_that_is_never_answered_dies_without_a_person(settings: Any) -> None:
    payment, _ = refused(settings, AnswerLost("cut"))
    a_day_later(settings, payment)
    rows("UPDATE outbox_message SET failures = max_attempts - 1 WHERE kind = 'recheck'")

    run_due()
    again = a_day_later(settings, payment)

    payment.refresh_from_db()
    assert messages(charge_of(payment).id, "state") == [(8,), (9,), (0,)]
    assert (payment.status, payment.needs_review, again) == ("FAILED", False, 1)
    assert broken() == []


def test_other_money_found_then_calls_a_person_and_ends_the_look(settings: Any) -> None:
    payment, _ = refused(settings, Found(succeeded("ch_1", 1_001, "INR")))
    a_day_later(settings, payment)

    run_due()

    payment.refresh_from_db()
    assert (payment.status, payment.needs_review) == ("FAILED", True)
    assert messages(charge_of(payment).id, "state") == [(8,), (8,)]
    assert broken() == []


def test_a_look_at_a_gateway_that_is_gone_is_given_up_until_tomorrow(settings: Any) -> None:
    payment, _ = refused(settings)
    a_day_later(settings, payment)
    settings.GATEWAYS = {}

    run_due()

    payment.refresh_from_db()
    assert (payment.status, payment.needs_review) == ("FAILED", False)
    assert messages(charge_of(payment).id, "state") == [(8,), (8,)]
    assert wait_of(payment) == settings.RECHECK_EVERY


def test_what_is_due_is_found_by_its_index(settings: Any) -> None:
    refused(settings)
    params = {"every": settings.RECHECK_EVERY, "window": settings.RECHECK_WINDOW, "limit": 100}

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {rechecking._TAKE_DUE}", params)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "operation_to_recheck" in plan


def test_an_operation_that_is_open_does_not_wait_for_a_look(owner: Any) -> None:
    payment_id = plant_payment(owner)

    with pytest.raises(CheckViolation, match="operation_rechecked_only_if_it_may_change"):
        plant_operation(owner, payment_id, recheck_at="2030-01-01")
    assert Operation.objects.count() == 0
