"""Looks at the servers all the time: how long transactions last, and how much waits in the broker.

Nobody can ask for either afterwards (I9 and I10 of the invariants that the chaos run is there for).
"""

import threading
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import psycopg2
import redis
from psycopg2.extensions import connection as Connection

from config.stack.roles import LIMITS, SINCE_17
from dispatcher.publishing import QUEUE
from tests import servers
from tests.chaos.ground import DISPATCHERS, WORKERS, Ground

EVERY_SECONDS = 0.25
CRASH = "postgres-crash"
# Faults that put jobs into the broker by themselves.
FILLING = frozenset({"broker-replay", "broker-restore"})
# What dispatcher.window allows; a test holds the two equal, for that one needs Django.
JOBS_WAITING_PER_SLOT = 4
# PostgreSQL ends a transaction that takes longer, or is idle for longer; it is
# given a moment to do so.
_MOMENT = 2
IDLE_SECONDS_MAX = float(LIMITS["idle_in_transaction_session_timeout"].rstrip("s")) + _MOMENT
TRANSACTION_SECONDS_MAX = float(SINCE_17["transaction_timeout"].rstrip("s")) + _MOMENT
# Only what serves: people and this run's own questions have no such limit.
_LONGEST = """
    SELECT extract(epoch FROM clock_timestamp() - xact_start)::float8,
           CASE WHEN state LIKE 'idle in transaction%%'
                THEN extract(epoch FROM clock_timestamp() - state_change)::float8 ELSE 0 END,
           state, left(query, 200)
    FROM pg_stat_activity
    WHERE usename = %s AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
"""
# What a process counted, by what the tables say: a count may be missing, none may be invented.
_COUNTED = {
    "pay_messages_lapsed_total": "SELECT count(*) FROM outbox_lapse",
    "pay_messages_lost_in_transport_total": "SELECT coalesce(sum(lost), 0) FROM outbox_message",
    "pay_messages_dead_total": "SELECT count(*) FROM outbox_message WHERE state = 9",
}
# A claim does not wait for the disk (see outbox.unhurried): a server that crashes forgets the
# last ones, after they were published, and the next claims give their epochs once more.
_COUNTED_UNLESS_CRASHED = {
    "pay_messages_published_total": "SELECT coalesce(sum(epoch), 0) FROM outbox_message",
}


@dataclass(frozen=True, slots=True, order=True)
class Longest:
    """The longest transaction that was seen, or the longest time that one did nothing."""

    seconds: float = 0.0
    about: str = ""


class Watch(threading.Thread):
    """One run's eyes on its database and its broker."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(name="watch", daemon=True)
        self.longest = self.idlest = Longest()
        self.jobs_max = 0
        self.looks = 0
        self._ground = ground
        self._is_over = threading.Event()

    def run(self) -> None:
        """Look until told to stop; a server that is down now is looked at again."""
        while not self._is_over.is_set():
            with (
                suppress(psycopg2.Error, redis.RedisError),
                closing(servers.connect(self._ground.databases.admin_url)) as database,
                closing(self._ground.redis()) as broker,
            ):
                database.autocommit = True
                while not self._is_over.wait(EVERY_SECONDS):
                    self._look(database, broker)
            self._is_over.wait(EVERY_SECONDS)

    def _look(self, database: Connection, broker: Any) -> None:
        with database.cursor() as cursor:
            cursor.execute(_LONGEST, [self._ground.databases.roles.serving.name])
            for seconds, idle, state, query in cursor.fetchall():
                about = f"{state}: {' '.join(query.split())}"
                self.longest = max(self.longest, Longest(seconds, about))
                self.idlest = max(self.idlest, Longest(idle, about))
        self.jobs_max = max(self.jobs_max, int(broker.llen(QUEUE)))
        self.looks += 1

    def stop(self) -> None:
        """Look no more."""
        self._is_over.set()
        if self.ident is not None:
            self.join(10)

    def objections(self, slots: int, met: Collection[str]) -> list[str]:
        """Return what should not have been, after the faults that were met."""
        counted = _COUNTED if CRASH in met else _COUNTED | _COUNTED_UNLESS_CRASHED
        found = [*self._miscounted(counted)]
        if not self.looks:
            found.append("nobody could look at the servers, not once")
        if self.longest.seconds > TRANSACTION_SECONDS_MAX:
            found.append(f"a transaction of {self.longest.seconds:.1f} s: {self.longest.about}")
        if self.idlest.seconds > IDLE_SECONDS_MAX:
            found.append(f"a transaction idle for {self.idlest.seconds:.1f} s: {self.idlest.about}")
        # Each dispatcher sees what the others handed over when it looks next.
        most = JOBS_WAITING_PER_SLOT * slots * len(WORKERS) * len(DISPATCHERS)
        if self.jobs_max > most and FILLING.isdisjoint(met):
            found.append(f"{self.jobs_max} jobs waited in the broker, {most} at the most may")
        with closing(self._ground.redis()) as broker:
            if left := broker.llen(QUEUE):
                found.append(f"{left} jobs are left in the broker, and nothing is left to do")
        return found

    def _miscounted(self, which: Mapping[str, str]) -> list[str]:
        told = [(name, self._ground.counted(name), self._ground.value(sql))
                for name, sql in which.items()]  # fmt: skip
        return [
            f"{name} is {counted:.0f}, and the tables know of {known}"
            for name, counted, known in told
            if counted > known
        ]
