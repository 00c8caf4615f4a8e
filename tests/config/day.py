"""A day's business in a minute: every way a payment and a refund can go, carried out to the end."""

import json
import time
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.test import override_settings

from core.db import OPERATOR, acting_as
from gateways import signatures
from gateways.mocks import webhook
from payments.models import Payment
from payments.operating import end_review, sight_of
from tests.money import Shop, a_client, a_shop, charge_of, drain, hurry
from tests.payments.numbers import number
from tests.webhooks import endpoint_shop
from tests.webhooks.sinks import a_sink

ROUNDS = 6


def tell(gateway: str, *, secret: str = "", **members: object) -> Any:
    """Send a mock's signed webhook."""
    body = json.dumps({"id": f"evt_{uuid4().hex}", "currency": "INR", **members}).encode()
    signature = signatures.sign(secret or settings.MOCK_WEBHOOK_SECRETS[0], body, time.time())
    return a_client().generic(
        "POST",
        f"/api/webhooks/{gateway}/",
        body,
        content_type="application/json",
        headers={webhook.HEADER: signature},
    )


def settle_everything() -> None:
    for _ in range(ROUNDS):
        drain()
        hurry()
    drain()


def live_through() -> None:
    """Have payments and refunds succeed, fail, be doubted, told of late, and be refused."""
    shop = a_shop()
    refunded, partly, refused, plain = (shop.accepted(1_000) for _ in range(4))
    shop.accepted(300, gateway="mock_failure")
    declined = shop.accepted(500, gateway="mock_failure")
    for token in ("tok_answer_lost", "tok_5xx_before", "tok_unavailable_once", "tok_wrong_amount"):
        shop.accepted(700, gateway="mock", payment_method=token)
    unlucky = shop.accepted(900, gateway="mock", payment_method="tok_refund_fails")
    early = shop.accepted(800)
    success = {"type": "charge.succeeded", "provider_id": "ch_told"}
    assert tell("mock_success", reference=str(early.id), amount=800, **success).status_code == 200
    mistaken, twice = shop.accepted(600), shop.accepted(1_100)
    tell("mock_success", reference=str(mistaken.id), amount=601, **success)
    held = held_payments(shop)
    pay_at_a_page(shop.accepted(450, gateway="mock", payment_method="tok_requires_action"))

    end_holds(shop, *held)
    shop.refund(refunded)
    for key, amount in (("part-1", 400), ("part-2", 700)):
        shop.refund(partly, key=key, amount=amount)
    shop.refund(partly, key="part-3", amount=100, reason="damaged")
    shop.refund(refused, key="too-much", amount=5_000)
    shop.refund(unlucky)
    settle_everything()

    tell_late(declined, plain, twice)
    tell_merchant(shop)
    hear_from_elsewhere(shop, partly, twice)


def hear_from_elsewhere(shop: Shop, partly: Payment, twice: Payment) -> None:
    """Have a refund that nobody asked for, disputes, and a person who looks."""
    refunded_elsewhere(partly)
    disputed(shop)
    look_at(twice)
    number()


def held_payments(shop: Shop) -> list[Payment]:
    """Have money held, and cancel a payment that nobody has heard of."""
    ask(shop, shop.accepted(400), "cancel")
    return [shop.accepted(1_000, gateway="mock", capture_method="manual") for _ in range(4)]


def end_holds(shop: Shop, in_part: Payment, let_go: Payment, ran_out: Payment, *_: Payment) -> None:
    """Capture one, cancel one, have one run out, and leave the others."""
    ask(shop, in_part, "capture", amount=600)
    ask(shop, let_go, "cancel")
    tell("mock", type="void.succeeded", reference="expired", provider_id="vo_told", amount=1_000,
         charge_reference=str(charge_of(ran_out).id))  # fmt: skip


def ask(shop: Shop, payment: Payment, what: str, **asked: object) -> None:
    """Capture or cancel a payment."""
    path = f"/api/payments/{payment.id}/{what}/"
    answer = shop.post(path, asked or None, Idempotency_Key=uuid4().hex)
    assert answer.status_code in {200, 202}, answer.content


def pay_at_a_page(payment: Payment) -> None:
    """Have a payer act at the provider's page, then at another one, and pay."""
    settle_everything()
    reference, pages = str(charge_of(payment).id), "https://pay.test/"
    for kind, more in (
        ("requires_action", {"action_url": f"{pages}1"}),
        ("pending", {"code": "action_taken", "action_url": f"{pages}1"}),
        ("requires_action", {"action_url": f"{pages}2"}),
        ("pending", {"code": "action_taken"}),
        ("succeeded", {}),
    ):
        told = {"type": f"charge.{kind}", "provider_id": "ch_paid", **more}
        assert tell("mock", reference=reference, amount=450, **told).status_code == 200
        settle_everything()


def tell_late(declined: Payment, plain: Payment, twice: Payment) -> None:
    success = {"type": "charge.succeeded", "provider_id": "ch_told"}
    reference = str(charge_of(declined).id)
    tell("mock_failure", reference=reference, amount=500, **success)
    tell("mock_success", reference=str(uuid4()), amount=500, **success)
    tell(
        "mock_success", reference=str(plain.id), type="charge.failed", amount=1_000, provider_id="x"
    )
    tell("mock_success", reference=str(twice.id), amount=1_100, **success)
    settle_everything()


def tell_merchant(shop: Shop) -> None:
    """Have the merchant told of something, by two endpoints of which one is gone."""
    with a_sink() as sink, a_sink(statuses=[410]) as gone:
        hosts = frozenset({sink.host, gone.host})
        with override_settings(WEBHOOK_TEST_HOSTS=hosts):
            endpoint = endpoint_shop.told(sink.url, shop=shop)
            endpoint_shop.told(gone.url, shop=shop)
            deleted = endpoint_shop.told(sink.url, shop=shop)
            endpoint.post("test")
            endpoint_shop.delete(shop, deleted.path)
            for _ in range(2):  # what becomes of an endpoint is an event, too
                endpoint_shop.number()
                settle_everything()


def refunded_elsewhere(payment: Payment) -> None:
    """Have somebody refund a part at the provider's own page."""
    for kind in ("refund.failed", "refund.succeeded"):
        tell(
            "mock_success",
            type=kind,
            reference="dashboard",
            charge_reference=str(payment.id),
            provider_id="re_dashboard",
            amount=350,
        )
    settle_everything()


def disputed(shop: Any) -> None:
    """Have disputes be opened, won, lost, and said to be both."""
    for said in (["opened"], ["won", "opened"], ["opened", "lost"], ["opened", "won", "lost"]):
        payment = shop.accepted(1_200)
        settle_everything()
        for one in said:
            tell(
                "mock_success",
                type=f"dispute.{one}",
                reference=str(payment.id),
                provider_id=f"dp_{payment.id}",
                amount=900,
                fee=15,
            )
            settle_everything()


def look_at(payment: Payment) -> None:
    payment.refresh_from_db()
    with acting_as(OPERATOR):
        end_review(
            payment.id,
            version=payment.version,
            seen_as=sight_of(payment),
            actor="ada",
            reason="one of them was paid back by hand",
        )
