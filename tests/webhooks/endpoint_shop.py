"""Merchants with endpoints, and a numberer without its process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from core.db import rows, transaction
from dispatcher.routes import FAN_OUT
from payments import numbering
from payments.models import EventNumber
from tests.money import JSON, Answer, Shop, a_client, a_shop, drain
from webhooks.models import Delivery, DeliveryAttempt, Endpoint

ENDPOINTS = "/api/webhook-endpoints/"


@dataclass(frozen=True)
class Told:
    """A shop's endpoint, and the secret that was shown."""

    shop: Shop
    id: str
    secret: str

    @property
    def row(self) -> Endpoint:
        return Endpoint.objects.get(id=self.id)

    @property
    def path(self) -> str:
        return f"{ENDPOINTS}{self.id}/"

    def post(self, what: str, body: Any = None, key: str = "") -> Answer:
        return self.shop.post(f"{self.path}{what}/", body, Idempotency_Key=key or str(uuid4()))

    def deliveries(self) -> list[Delivery]:
        return list(Delivery.objects.filter(endpoint_id=self.id).order_by("id"))

    def newest(self) -> dict[str, Any]:
        """Return the newest delivery as its merchant sees it."""
        shown: list[dict[str, Any]] = self.shop.get(f"{self.path}deliveries/").json()["results"]
        return shown[0]


def make(shop: Shop, url: str, *, key: str = "", **asked: Any) -> Answer:
    return shop.post(ENDPOINTS, {"url": url, **asked}, Idempotency_Key=key or str(uuid4()))


def told(url: str, *, shop: Shop | None = None, **asked: Any) -> Told:
    """Make an endpoint that must be accepted."""
    shop = shop or a_shop()
    answer = make(shop, url, **asked)
    assert answer.status_code == 201, answer.content
    return Told(shop, answer.json()["id"], answer.json()["secret"])


def patch(shop: Shop, path: str, body: Mapping[str, Any]) -> Answer:
    headers = {"X-API-KEY": shop.secret}
    return a_client().patch(path, body, content_type=JSON, headers=headers)


def delete(shop: Shop, path: str) -> Answer:
    return a_client().delete(path, headers={"X-API-KEY": shop.secret})


def number() -> None:
    """Number what happened, and have it fanned out, as the dispatcher does."""
    with transaction():
        batch = numbering.number()
        numbered = batch.numbered if batch else []
        for fan_out in FAN_OUT if numbered else ():
            fan_out(numbered)


def numbers(name: str = "") -> list[int]:
    """Return the numbers that were given, or those of the events of one type."""
    found = EventNumber.objects.filter(**{"event__type": name} if name else {})
    return sorted(found.values_list("number", flat=True))


def sell(shop: Shop, count: int = 1) -> None:
    """Sell, and number the events of it; nothing is delivered yet."""
    for _ in range(count):
        shop.accepted()
    drain()
    number()


def attempts() -> list[DeliveryAttempt]:
    return list(DeliveryAttempt.objects.order_by("id"))


def wait() -> timedelta | None:
    """Return how long the one delivery waits now."""
    found = rows(
        "SELECT available_at - now() FROM outbox_message WHERE state = 0 AND kind = 'deliver'"
    )
    return found[0][0] if found else None


def events(name: str) -> int:
    return int(rows("SELECT count(*) FROM payments_event WHERE type = %s", [name])[0][0])
