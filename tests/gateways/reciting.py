"""A whole gateway whose provider says what the test wants to hear."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from gateways.base import (
    Capabilities,
    Capture,
    Charge,
    Deadline,
    Found,
    NotFound,
    Notice,
    Outcome,
    Query,
    Refund,
    Send,
    SignatureInvalid,
    Void,
)
from gateways.disputes import DisputeNotice

SECRET = "sk-very-secret"


class Reciting:
    """A gateway that gives the answers it was made with, one for each request it gets."""

    def __init__(
        self,
        *,
        answers: list[Any],
        keys: bool = True,
        find: bool = True,
        captures: bool = True,
        voids: bool = True,
        api_key: str = SECRET,
    ) -> None:
        self.answers = answers
        self.api_key = api_key
        self.requests: list[Send | Query] = []
        self.sent_at: list[float] = []
        lifetime = timedelta(days=1) if keys else None
        self.capabilities = Capabilities(
            keys=keys,
            key_lifetime=lifetime,
            find=find,
            webhooks=False,
            captures=captures,
            voids=voids,
        )

    def _answer(self, request: Send | Query) -> Any:
        self.requests.append(request)
        self.sent_at.append(time.monotonic())
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def charge(self, charge: Charge, deadline: Deadline) -> Outcome:
        answer: Outcome = self._answer(charge)
        return answer

    def capture(self, capture: Capture, deadline: Deadline) -> Outcome:
        answer: Outcome = self._answer(capture)
        return answer

    def void(self, void: Void, deadline: Deadline) -> Outcome:
        answer: Outcome = self._answer(void)
        return answer

    def refund(self, refund: Refund, deadline: Deadline) -> Outcome:
        answer: Outcome = self._answer(refund)
        return answer

    def find(self, query: Query, deadline: Deadline) -> Found | NotFound:
        answer: Found | NotFound = self._answer(query)
        return answer

    def read_webhook(
        self, headers: Mapping[str, str], body: bytes, now: float
    ) -> Notice | DisputeNotice:
        raise SignatureInvalid
