"""Driving a dispatcher by hand, and looking into its broker."""

import base64
import json
from uuid import UUID

import redis

from core.db import rows
from dispatcher.loop import Loop
from dispatcher.publishing import QUEUE, TASK
from outbox.handling import Ticket
from tests.outbox.planting import LANE, claim, plant, start

NOWHERE = "redis://127.0.0.1:1/0"


def queued(broker: "redis.Redis") -> list[tuple[str, list[Ticket]]]:
    """Return what waits in the broker: each job's lane and tickets."""
    jobs = []
    for raw in broker.lrange(QUEUE, 0, -1):
        message = json.loads(raw)
        assert message["headers"]["task"] == TASK
        (lane, tickets), *_ = json.loads(base64.b64decode(message["body"]))
        jobs.append((lane, [Ticket(UUID(id_), epoch) for id_, epoch in tickets]))
    return jobs


def in_flight() -> int:
    return int(rows("SELECT count(*) FROM outbox_message WHERE state = 1")[0][0])


def tick(loop: Loop, times: int = 1) -> None:
    for _ in range(times):
        loop.tick()


def make_slow(loop: Loop, *lanes: str) -> None:
    """Have the loop see a job of each lane that runs for long."""
    lanes = lanes or (LANE,)
    for lane in lanes:
        plant(lane=lane)
        start(*claim(lane=lane))
    rows("UPDATE outbox_message SET started_at = now() - interval '2 seconds'")
    plant(lane="apply:mock")
    tick(loop)
    rows("UPDATE outbox_message SET state = 8, finished_at = now()")
    assert {lane for lane in lanes if loop._window._is_slow(lane)} == set(lanes)
    loop._next_full_poll = 0
