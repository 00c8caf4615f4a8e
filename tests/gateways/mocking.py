"""How the contract reaches a mock."""

import json
from typing import Any
from uuid import UUID

import pytest

from gateways import signatures
from gateways.mocks import webhook
from tests.gateways.making import AMOUNT, effects

SECRETS = ("the older secret", "the newer secret")


def body_of(operation_id: object, **changed: Any) -> bytes:
    """Return a mock's event as its body, with members changed, or left out where None."""
    members = {
        "id": "evt_1",
        "type": "charge.succeeded",
        "reference": str(operation_id),
        "provider_id": "ch_1",
        "amount": AMOUNT,
        "currency": "INR",
        **changed,
    }
    return json.dumps({key: value for key, value in members.items() if value is not None}).encode()


class Mocking:
    """The parts of the contract that all mocks have in common."""

    class_path: str
    secrets = SECRETS
    database: str

    @pytest.fixture
    def entry(self, database: str) -> dict[str, Any]:
        self.database = database
        options = {"database": database, "webhook_secrets": list(SECRETS)}
        return {"class": self.class_path, "options": options}

    def signed(self, body: bytes, secret: str, at: float) -> dict[str, str]:
        return {webhook.HEADER: signatures.sign(secret, body, at)}

    def success_body(self, operation_id: UUID) -> bytes:
        return body_of(operation_id)

    def count_effects(self, operation_id: UUID) -> int:
        return len(effects(self.database, operation_id))
