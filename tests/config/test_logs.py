"""What the logs say of a payment, and what they never say."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import structlog
from django.conf import settings as django_settings

from core.logging import configure
from tests.config.day import settle_everything, tell
from tests.conftest import Database
from tests.money import PAYMENTS, a_client, a_shop, charge_of, drain

CARD = "4111111111111111"
SPACED = "4111 1111 1111 1111"
CARDS = (CARD, SPACED, "4111-1111-1111-1111")
IDS = {"request_id", "merchant_id", "payment_id", "operation_id", "message_id"}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give all that the process logs, down to DEBUG, as it would be written."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    before = structlog.get_config()
    configure(stream)
    root.setLevel(logging.DEBUG)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.configure(**before)


def events(log: io.StringIO, name: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in found if line["event"] == name]


def test_no_secret_and_no_card_number_is_logged(committed_db: Database, log: io.StringIO) -> None:
    shop = a_shop()
    secret = django_settings.MOCK_WEBHOOK_SECRETS[0]
    for place in ("reference", "description", "payment_method", "return_url"):
        for card in CARDS:
            shop.pay(**{place: card})
    for card in CARDS:
        shop.pay(metadata={"card": card})
        shop.pay(metadata={card: "1"})
        shop.pay(card)
        shop.pay(key=card.replace(" ", "_"))
        shop.post(PAYMENTS, f'{{"number": "{card}"'.encode(), Idempotency_Key=str(uuid4()))
        shop.post(f"{PAYMENTS}{card}/refund/")
        shop.get(PAYMENTS, cursor=card)
        shop.get(PAYMENTS, api_key=shop.secret)
        a_client().get(PAYMENTS, headers={"X-API-KEY": f"mk_test_{card}"})
        a_client().get(PAYMENTS, headers={"X-Request-Id": card.replace(" ", "-")})
        a_client().get(f"/{shop.secret}/{card}", headers={"Authorization": f"Bearer {secret}"})
        tell("mock", reference=card, type="charge.succeeded", provider_id=card, amount=1)
        tell("mock", reference="x", type=card, provider_id="ch", secret=secret)
        tell(secret, reference="x", type="charge.failed", provider_id="ch", amount=1)
        tell("mock", reference="x", type="charge.failed", secret="a wrong secret")
    shop.accepted(gateway="mock", payment_method="tok_answer_lost")
    settle_everything()

    said = log.getvalue()

    assert len(events(log, "request.done")) > 50
    assert events(log, "provider_event.parked")
    for hidden in (*CARDS, shop.secret, secret, "a wrong secret", committed_db.url):
        assert hidden not in said


def test_what_fails_inside_a_handler_shows_no_card(
    committed_db: Database, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        message = f"the provider said {SPACED}"
        raise ValueError(message)

    a_shop().accepted()
    monkeypatch.setattr("payments.handlers.OperationHandler.settle", fail)

    drain()

    assert events(log, "message.settle_failed")
    assert "the provider said" in log.getvalue()
    assert SPACED not in log.getvalue()


class TestLines:
    def test_a_request_a_call_and_a_message_have_one_line_each(
        self, committed_db: Database, log: io.StringIO
    ) -> None:
        payment = a_shop().accepted()

        drain()

        (request,) = events(log, "request.done")
        (call,) = events(log, "gateway.call")
        (message,) = events(log, "message.done")
        operation = charge_of(payment)
        assert call.keys() >= IDS
        assert message.keys() >= IDS
        for line in (call, message):
            assert line["request_id"] == request["request_id"]
            assert line["merchant_id"] == request["merchant_id"] == str(payment.merchant_id)
            assert line["payment_id"] == str(payment.id)
            assert line["operation_id"] == str(operation.id)
        assert call["message_id"] == message["message_id"]

    def test_a_request_names_what_it_made(self, committed_db: Database, log: io.StringIO) -> None:
        shop = a_shop()
        payment = shop.sold()

        shop.refund(payment)

        drain()
        created, refunded = events(log, "request.done")
        charged, paid_back = events(log, "message.done")
        for request, message in ((created, charged), (refunded, paid_back)):
            assert {name: request[name] for name in IDS} == {name: message[name] for name in IDS}

    def test_a_webhook_is_followed_from_request_to_payment(
        self, committed_db: Database, log: io.StringIO
    ) -> None:
        payment = a_shop().sold()
        success: dict[str, Any] = {
            "type": "charge.succeeded",
            "provider_id": "ch_1",
            "amount": 1_000,
        }

        tell("mock_success", reference=str(payment.id), **success)
        drain()

        request = events(log, "request.done")[-1]
        (applied,) = [line for line in events(log, "message.done") if line["kind"] == "apply"]
        assert applied["payment_id"] == str(payment.id)
        assert applied["request_id"] == request["request_id"]
        assert applied.keys() >= IDS

    def test_a_line_is_json_with_time_and_level(
        self, committed_db: Database, log: io.StringIO
    ) -> None:
        a_shop().sold()

        for line in log.getvalue().splitlines():
            assert json.loads(line).keys() >= {"event", "level", "timestamp", "logger"}
