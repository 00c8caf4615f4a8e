"""What we answer, before anything happens to it on the way."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

RETRY_SECONDS = 1
# Every form that has been seen in the wild, and what a client must not do with it.
RETRY_AFTER: dict[str, Callable[[], str]] = {
    "seconds": lambda: str(RETRY_SECONDS),
    "date": lambda: formatdate(time.time() + RETRY_SECONDS + 1, usegmt=True),
    "bare": lambda: "",
    "nonsense": lambda: "soon",
    "huge": lambda: "99999999999",
    "negative": lambda: "-5",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body; ``met`` is the fault that the call met."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    met: str = ""
    object_id: str = ""

    @property
    def text(self) -> str:
        """The body as it is sent."""
        return json.dumps(self.body)


def error(status: int, code: str, message: str, *, met: str = "") -> Answer:
    """Return the answer to a request that was not carried out."""
    return Answer(status, {"error": {"code": code, "message": message}}, met=met)


def trouble(met: str) -> Answer:
    """Return what a call gets that meets a fault before anything happened."""
    if met.startswith("429"):
        value = RETRY_AFTER[met.partition(" ")[2]]()
        refused = error(429, "rate_limited", "too many requests", met=met)
        return Answer(429, refused.body, {"Retry-After": value} if value else {}, met)
    if met == "500":
        return error(500, "internal", "something broke", met=met)
    return Answer(0, {}, met=met)


def spoiled(answer: Answer, met: str) -> Answer:
    """Return what becomes of a right answer that meets a fault afterwards."""
    body = {**answer.body}
    match met:
        case "500":
            body = error(500, "internal", "something broke").body
            return Answer(500, body, met=met, object_id=answer.object_id)
        case "wrong amount" if "amount" in body:
            body["amount"] += 1
            if body.get("captured_amount"):
                body["captured_amount"] += 1
        case "wrong currency" if "currency" in body:
            body["currency"] = "XTS" if body["currency"] != "XTS" else "XXX"
        case "wrong account":
            body["account"] = "acct_of_somebody_else"
    return Answer(answer.status, body, answer.headers, met, answer.object_id)
