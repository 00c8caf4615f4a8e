"""The front page says how things stand, and leads to where one looks."""

from datetime import timedelta

import pytest

from core.db import rows
from outbox.models import State
from tests.desk import Desk
from tests.money import a_shop, told

pytestmark = pytest.mark.usefixtures("committed_db")


def standing(text: str) -> str:
    return text.partition("How things stand")[2].partition("Site administration")[0]


def test_a_calm_day_says_so():
    a_shop().sold()

    text = Desk().read("")

    assert "Nothing is stuck, and nothing waits for a person." in text
    assert "look here" not in text


def test_what_calls_for_a_person_is_counted_and_linked():
    shop = a_shop()
    payments = [shop.accepted() for _ in range(7)]
    states = [State.DEAD, State.DEAD, State.DEAD, State.HELD, State.HELD, State.PENDING]
    for payment, state in zip(payments, states, strict=False):
        rows(
            "UPDATE outbox_message SET state = %s, finished_at = CASE WHEN %s = 9 THEN now() END,"
            " available_at = now() - %s WHERE subject_id ="
            " (SELECT id FROM payments_operation WHERE payment_id = %s)",
            [state, state, timedelta(hours=3, minutes=20), payment.id],
        )
    rows(
        "UPDATE payments_payment SET needs_review = true, review_reason = 'odd',"
        " outcome_unknown_since = now() - interval '2 days' WHERE id = %s",
        [payments[0].id],
    )
    told(payments[6], "charge.succeeded", provider_id="ch_1", reference=shop.merchant.id)
    rows("UPDATE webhooks_providerevent SET parked_at = now(), parked_reason = 'no such payment'")
    desk = Desk()

    text = standing(desk.read(""))

    assert "Dead messages 3 look here" in text
    assert "Held messages 2 look here" in text
    assert "Oldest overdue message due for 3 h 20 min look here" in text
    assert "Payments that need review 1 look here" in text
    assert "Payments of unknown outcome 1, the oldest for 2 d look here" in text
    assert "Parked provider events 1 look here" in text
    assert "Nothing is stuck" not in text
    assert "3 shown" in desk.read("outbox/message/", view="dead")
    assert "1 shown" in desk.read("outbox/message/", view="overdue")
    assert "1 shown" in desk.read("payments/payment/", view="review")
    assert "1 shown" in desk.read("webhooks/providerevent/", view="parked")


def test_a_person_sees_the_lines_of_what_they_may_see():
    text = Desk("webhooks.view_providerevent").read("")

    assert "Parked provider events" in text
    assert "Dead messages" not in text
    assert "need review" not in text
