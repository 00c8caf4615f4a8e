"""The simulator's adapter as tests configure it, and what its provider tells it."""

import json
from typing import Any

from gateways.base import Charge, Outcome
from gateways.providers.simulator import Simulator
from tests.gateways.making import AMOUNT, a_charge, in_time
from tests.simulator.provider import API_KEY

ACCOUNT = "acct_simulator"
SECRETS = ("the older secret", "the newer secret")


def options(url: str, **changed: Any) -> dict[str, Any]:
    return {
        "url": url,
        "api_key": API_KEY,
        "account": ACCOUNT,
        "webhook_secrets": list(SECRETS),
        **changed,
    }


def event_of(operation_id: object, **changed: Any) -> bytes:
    """Return an event about a captured charge, with members of the charge changed or left out."""
    charge = {
        "object": "charge",
        "id": "ch_1",
        "account": ACCOUNT,
        "reference": str(operation_id),
        "amount": AMOUNT,
        "captured_amount": AMOUNT,
        "currency": "INR",
        "status": "captured",
        "failure": None,
        **changed,
    }
    data = {key: value for key, value in charge.items() if value != "left out"}
    return json.dumps({"id": "evt_1", "type": "charge.captured", "data": data}).encode()


def charged(simulator: Simulator, payment_method: str = "", **given: Any) -> tuple[Charge, Outcome]:
    charge = a_charge(payment_method, **given)
    return charge, simulator.charge(charge, in_time())
