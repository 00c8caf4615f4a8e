"""Money that is held first and taken later: wholly, in part, once."""

import json
from typing import Any
from uuid import uuid4

import pytest

from core.db import rows
from gateways.base import declined, pending, succeeded
from payments.models import OperationKind, Payment
from tests.money import (
    PAYMENTS,
    a_shop,
    charge_of,
    drain,
    hurry,
    net,
    problem,
    reciting,
    run_due,
)
from tests.payments.holding import EXPECTED, booked, capture, events, held, operations, standing_of

pytestmark = pytest.mark.django_db
CAPTURE = OperationKind.CAPTURE


def test_a_manual_payment_is_authorized_and_nothing_is_booked_but_what_is_expected():
    shop = a_shop()
    payment = held(shop)

    shown = shop.get(f"{PAYMENTS}{payment.id}/").json()

    assert (shown["status"], shown["capture_method"], shown["amount_captured"]) == (
        "AUTHORIZED", "manual", 0)  # fmt: skip
    assert net(payment) == EXPECTED
    assert events(payment) == ["payment.created", "payment.processing", "payment.authorized"]
    assert charge_of(payment).recheck_at is not None


def test_it_is_captured_wholly_when_no_amount_is_named():
    shop = a_shop()
    payment = held(shop)

    answer = capture(shop, payment)

    assert (answer.status_code, answer.json()["status"]) == (202, "AUTHORIZED")
    drain()
    assert standing_of(payment) == ("SUCCESS", 1_000)
    assert net(payment) == booked(1_000)
    assert events(payment)[-1] == "payment.succeeded"
    assert charge_of(payment).recheck_at is None


def test_a_part_is_captured_and_the_rest_is_expected_no_more():
    shop = a_shop()
    payment = held(shop)

    assert capture(shop, payment, amount=300).status_code == 202
    drain()

    assert standing_of(payment) == ("SUCCESS", 300)
    assert net(payment) == booked(300)
    assert problem(shop.refund(payment, amount=301, key=str(uuid4())))[1] == (
        "refund-exceeds-captured")  # fmt: skip
    assert shop.refund(payment).status_code == 201
    drain()
    assert standing_of(payment) == ("REFUNDED", 300)


def test_the_same_key_is_the_same_answer_and_one_capture():
    shop = a_shop()
    payment = held(shop)

    first = capture(shop, payment, key="k", amount=300)
    drain()
    again = capture(shop, payment, key="k", amount=300)

    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
    assert len(operations(payment, CAPTURE)) == 1


def test_a_capture_needs_a_key():
    shop = a_shop()
    payment = held(shop)

    answer = shop.post(f"{PAYMENTS}{payment.id}/capture/")

    assert problem(answer) == (400, "idempotency-key-missing")


def test_more_than_is_authorized_is_not_captured():
    shop = a_shop()
    payment = held(shop)

    answer = capture(shop, payment, amount=1_001)

    assert problem(answer) == (422, "capture-exceeds-authorized")
    assert json.loads(answer.content)["capturable"] == 1_000
    assert operations(payment, CAPTURE) == []


@pytest.mark.parametrize("amount", [0, -1, 1.5, "1", True])
def test_an_amount_is_an_amount(amount):
    shop = a_shop()
    payment = held(shop)

    assert capture(shop, payment, amount=amount).status_code in {400, 422}
    assert operations(payment, CAPTURE) == []


def test_a_second_capture_is_refused_while_one_is_open_and_after_it():
    shop = a_shop()
    payment = held(shop)
    capture(shop, payment, amount=300)

    assert problem(capture(shop, payment, amount=300)) == (409, "invalid-state")
    drain()
    late = capture(shop, payment, amount=300)

    assert problem(late) == (409, "invalid-state")
    assert json.loads(late.content)["payment_status"] == "SUCCESS"
    assert standing_of(payment) == ("SUCCESS", 300)


@pytest.mark.parametrize("method", ["automatic", "manual"])
def test_what_is_not_authorized_is_not_captured(method):
    shop = a_shop()
    payment = shop.accepted(gateway="mock", capture_method=method)

    assert problem(capture(shop, payment)) == (409, "invalid-state")


def test_a_stranger_has_nothing_to_capture():
    payment = held()

    assert problem(capture(a_shop(), payment)) == (404, "not-found")


def test_a_key_that_may_only_read_captures_nothing():
    shop = a_shop()
    payment = held(shop)
    reader = a_shop(scopes=("payments:read",), merchant=shop.merchant)

    assert problem(capture(reader, payment)) == (403, "forbidden-scope")


def test_a_gateway_that_cannot_hold_money_takes_no_manual_payment(settings):
    reciting(settings, pending(), captures=False)

    answer = a_shop().pay(capture_method="manual")

    assert problem(answer) == (422, "value-invalid")
    assert json.loads(answer.content)["errors"][0]["pointer"] == "/capture_method"


def test_a_declined_capture_leaves_the_payment_and_may_be_asked_again(settings):
    shop = a_shop()
    gateway = reciting(settings, succeeded("ch_1", 1_000, "INR"), declined("not_now", "later"))
    payment = shop.accepted(capture_method="manual")
    drain()
    capture(shop, payment)
    run_due()

    assert standing_of(payment) == ("AUTHORIZED", 0)
    assert events(payment)[-1] == "payment.capture_failed"
    assert net(payment) == EXPECTED

    gateway.answers.append(succeeded("ca_1", 1_000, "INR"))
    assert capture(shop, payment).status_code == 202
    drain()

    assert standing_of(payment) == ("SUCCESS", 1_000)
    keys = rows("SELECT DISTINCT provider_key FROM payments_attempt WHERE operation_id = ANY(%s)",
                [[one.id for one in operations(payment, CAPTURE)]])  # fmt: skip
    assert len(keys) == 2


def test_why_a_capture_failed_is_told():
    shop = a_shop()
    payment = held(shop, "tok_capture_fails")
    capture(shop, payment)
    drain()

    ((failure, status),) = rows(
        "SELECT payload -> 'failure' ->> 'code', payload ->> 'status' FROM payments_event"
        " WHERE aggregateid = %s AND type = 'payment.capture_failed'", [payment.id],
    )  # fmt: skip
    assert (failure, status) == ("capture_declined", "AUTHORIZED")


@pytest.mark.parametrize(
    "token", ["tok_capture_answer_lost", "tok_capture_pending", "tok_capture_unavailable_once"]
)
def test_a_capture_ends_however_its_answer_comes(token, live_mock_clock):
    shop = a_shop()
    payment = held(shop, token)
    capture(shop, payment, amount=300)
    live_mock_clock(payment)

    assert standing_of(payment) == ("SUCCESS", 300)
    assert net(payment) == booked(300)


@pytest.fixture
def live_mock_clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run what is due until it is over, the mock's clock an hour ahead of what it promised."""
    import time as clock  # noqa: PLC0415 - only here

    def go(payment: Payment) -> None:
        drain()
        now = clock.time()
        monkeypatch.setattr("gateways.mocks.book.time.time", lambda: now + 3_600)
        for _ in range(5):
            hurry()
            run_due()

    return go
