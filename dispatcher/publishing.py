"""Hands jobs to the broker, many in one round trip, and knows when the broker is away."""

import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from uuid import uuid4

from celery import current_app
from django.conf import settings
from kombu import Connection
from kombu.exceptions import KombuError
from kombu.messaging import Producer
from redis import Redis, RedisError

from core.kill_points import reached
from core.logging import get_logger
from core.metrics import BREAKER_OPEN, MESSAGES_PUBLISHED, PUBLISH_FAILURES
from outbox.leasing import Job
from outbox.waking import HINTS

log = get_logger(__name__)

TASK = "dispatcher.run"
QUEUE = "outbox"
PROBE_SECONDS_MIN = 0.1
PROBE_SECONDS_MAX = 5.0
# A broker that hangs must not hold the dispatcher for longer than its stop may take, and there are
# several waits on the way to it.
SOCKET_SECONDS = 1.0
# A hint comes from outside, so it may be anything.
_LANE = re.compile(rb"[a-z_]{1,40}:[A-Za-z0-9_.-]{1,64}")
# A broker that lost its data lost this, too.
SENTINEL = "outbox:sentinel"
_BROKER_TROUBLE = (KombuError, RedisError, OSError)


class BrokerAway(Exception):
    """Nothing, or only a part, may have reached the broker."""


class Breaker:
    """Keeps the dispatcher from claiming what it cannot hand over."""

    def __init__(self) -> None:
        self._wait = PROBE_SECONDS_MIN
        self._until = 0.0
        self.is_open = False
        self.is_trying = False

    def trip(self) -> float:
        """Open, or stay open for twice as long; return the seconds until the next probe."""
        seconds = self._wait
        self._until = time.monotonic() + seconds
        self._wait = min(self._wait * 2, PROBE_SECONDS_MAX)
        self.is_open, self.is_trying = True, False
        BREAKER_OPEN.set(1)
        return seconds

    def allow_one(self) -> None:
        """Let one job through: a broker that answers need not take jobs."""
        self.is_open, self.is_trying = False, True
        BREAKER_OPEN.set(0)

    def close(self) -> None:
        """Let all work through again: the broker took a job."""
        self._wait, self.is_trying = PROBE_SECONDS_MIN, False

    def wants_probe(self) -> bool:
        """Tell whether it is time to see if the broker is back."""
        return self.is_open and time.monotonic() >= self._until


def _together(producer: Producer, jobs: int) -> AbstractContextManager[object]:
    """Have several jobs sent in one round trip; making that up costs more than a single one."""
    if jobs == 1:
        return nullcontext()
    batch: AbstractContextManager[object] = producer.batch(max_size=jobs)  # type: ignore[attr-defined]  # newer than the stubs
    return batch


def _send(producer: Producer, job: Job) -> None:
    """Send what ``send_task`` would, without what is said of it for people to read."""
    message = current_app.amqp.as_task_v2(
        str(uuid4()),
        TASK,
        args=(job.lane, [[str(ticket.id), ticket.epoch] for ticket in job.tickets]),
        argsrepr="",
        kwargsrepr="",
        ignore_result=True,
    )
    # To the queue of this name: it need not be declared, and nothing routes by an exchange.
    producer.publish(
        message.body,
        routing_key=QUEUE,
        serializer="json",
        headers=message.headers,
        retry=False,
        **message.properties,
    )


class Publisher:
    """One connection to the broker for jobs, and one for hints and the watch over its identity."""

    def __init__(self) -> None:
        self._redis = Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            retry=None,
        )
        self._connection: Connection | None = None
        self._producer: Producer | None = None
        self._identity: str | None = None

    def publish(self, jobs: Sequence[Job]) -> None:
        """Hand the jobs over in one round trip.

        :raises BrokerAway: if any of them may not have arrived
        """
        try:
            producer = self._connected()
            reached("dispatcher.before_publish")
            with _together(producer, len(jobs)):
                for job in jobs:
                    _send(producer, job)
                    reached("dispatcher.in_publish")
        except Exception as error:
            # Whatever it was, the jobs may not have arrived, and must go back.
            if not isinstance(error, _BROKER_TROUBLE):
                log.exception("publish.unexpected")
            self._disconnect()
            PUBLISH_FAILURES.inc()
            raise BrokerAway(type(error).__name__) from error
        reached("dispatcher.after_publish")
        MESSAGES_PUBLISHED.inc(sum(len(job.tickets) for job in jobs))

    def _connected(self) -> Producer:
        if self._producer is None:
            self._connection = current_app.connection_for_write(
                transport_options={
                    **current_app.conf.broker_transport_options,
                    "socket_timeout": SOCKET_SECONDS,
                    "socket_connect_timeout": SOCKET_SECONDS,
                    "max_retries": 0,
                    "health_check_interval": 0,  # it would wait, too, and publishing tells as much
                }
            )
            # `connect` would sleep and try again.
            self._connection.ensure_connection(max_retries=0)
            self._producer = current_app.amqp.Producer(self._connection)
        return self._producer

    def _disconnect(self) -> None:
        """Close the connection for jobs, in whatever state it is."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            try:
                connection.release()
            except Exception:
                log.exception("publish.not_disconnected")

    def is_there(self) -> bool:
        """Tell whether the broker answers."""
        try:
            return bool(self._redis.ping())
        except _BROKER_TROUBLE:
            return False

    def has_forgotten(self) -> bool:
        """Tell whether the broker is another one, or an empty one, since we last looked.

        :raises BrokerAway: if it does not answer
        """
        try:
            run_id = self._redis.info("server")["run_id"]
            is_new = bool(self._redis.set(SENTINEL, run_id, nx=True))
        except _BROKER_TROUBLE as error:
            raise BrokerAway(type(error).__name__) from error
        before, self._identity = self._identity, run_id
        return before is not None and (before != run_id or is_new)

    def next_hint(self, seconds: float) -> str | None:
        """Wait for a hint of a lane with work, but no longer than this."""
        try:
            hint = self._redis.blpop([HINTS], timeout=seconds)
        except _BROKER_TROUBLE:
            time.sleep(seconds)
            return None
        lane = hint[1] if hint else b""
        if not isinstance(lane, bytes) or not _LANE.fullmatch(lane):
            return None
        return lane.decode()

    def close(self) -> None:
        """Close what is open."""
        self._disconnect()
        self._redis.close()
