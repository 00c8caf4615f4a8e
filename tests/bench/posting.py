"""Merchants at the door: creates over HTTP, one, or as many as there is time for."""

import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from random import randrange

import requests

from config.stack.ports import LOOPBACK
from tests.bench.ground import BenchStack, find_wrk, run
from tests.bench.results import BenchProblem

PATH = "/api/payments/"
KEY = "test_api_key"
# A reference is taken once, so each payment's own key is in it.
BODY = json.dumps({"amount": 1000, "currency": "INR", "reference": "order-KEY"})
# What four clients at once can do is what is asked for; the headline of every figure with load.
CONNECTIONS = 4
_LUA = Path(__file__).with_name("create.lua")


def body(key: str) -> str:
    """Return what is sent under a key."""
    return BODY.replace("KEY", key)


@dataclass(frozen=True, slots=True)
class Rate:
    """How many creates somebody made, and how fast."""

    creates: int
    per_second: float


class Posting:
    """Sends payments to one stack's web."""

    def __init__(self, stack: BenchStack) -> None:
        self._wrk = find_wrk()
        self._url = f"http://{LOOPBACK}:{stack.port}"

    def one(self, key: str) -> str:
        """Create one payment and return its id.

        :raises BenchProblem: if the answer is not 201
        """
        headers = {"X-API-KEY": KEY, "Idempotency-Key": key, "Content-Type": "application/json"}
        answer = requests.post(f"{self._url}{PATH}", body(key), headers=headers, timeout=10)
        if answer.status_code != requests.codes.created:
            message = f"a create was answered {answer.status_code}: {answer.text[:500]}"
            raise BenchProblem(message)
        return str(answer.json()["id"])

    def warm_up(self) -> None:
        """Open the accounts, and have every thread of web connect and remember the key."""
        self.one(str(uuid.uuid4()))
        self.many(2 * CONNECTIONS, 1)

    def many(self, connections: int, seconds: int) -> Rate:
        """Create for a while, each payment under a key of its own.

        :raises BenchProblem: if any answer is not 201
        """
        command = [self._wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
        command += ["-s", str(_LUA), self._url, "--", KEY, BODY, str(randrange(2**31))]
        said = json.loads(run(command, env=os.environ, seconds=seconds + 60).splitlines()[-1])
        if said["refused"] or said["broken"] or not said["requests"]:
            message = f"not every create was answered 201: {said}"
            raise BenchProblem(message)
        return Rate(said["requests"], said["requests"] / said["seconds"])
