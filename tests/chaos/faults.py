"""Carries a planned fault out: begin, wait, end."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

import psycopg2
import redis

from tests import servers
from tests.chaos.ground import Ground
from tests.chaos.proxy import Link
from tests.chaos.schedule import Planned

QUEUE = "outbox"
# A frozen worker is only of interest in the middle of something; so long is waited for that.
AMIDST_SECONDS = 3.0
# What a call lasts then, so that there is a middle.
SLOW_CALL_SECONDS = 0.4
POLL_SECONDS = 0.05
SLOW_SECONDS = 0.2
COMMITS_CUT = 2

_RUNNING = """
    SELECT 1 FROM outbox_message WHERE state = 1 AND started_at IS NOT NULL AND worker LIKE %s
"""
_TERMINATE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
    ORDER BY md5(pid::text || %s) LIMIT 3
"""


class Mischief:
    """Knows how to do what a plan says."""

    def __init__(self, ground: Ground, folder: Path) -> None:
        self._ground = ground
        self._old_broker = folder / "broker.old"
        self._snapshot_lock = threading.Lock()

    @contextmanager
    def doing(self, one: Planned) -> Iterator[None]:
        """Have a fault go on for as long as the block takes."""
        act = getattr(self, f"_{one.fault.replace('-', '_')}")
        lasting = act(one)
        with lasting if lasting is not None else nullcontext():
            yield

    # Processes

    def _kill(self, one: Planned) -> None:
        name, _, is_child = one.target.partition(" ")
        if is_child:
            self._ground.slay_child(name, one.choice)
        else:
            self._ground.slay(name, one.seconds)

    @contextmanager
    def _zombie(self, one: Planned) -> Iterator[None]:
        wire = self._wire(f"{one.target}>simulator")
        wire.slow(SLOW_CALL_SECONDS)
        self._wait_until(lambda: self._is_amidst(one.target))
        with self._ground.frozen(one.target):
            wire.slow(0)
            yield

    def _is_amidst(self, name: str) -> bool:
        return bool(self._ground.rows(_RUNNING, f"%:{self._ground.pid(name)}"))

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + AMIDST_SECONDS
        while time.monotonic() < deadline:
            with suppress(psycopg2.Error):
                if condition():
                    return
            time.sleep(POLL_SECONDS)

    @contextmanager
    def _zombie_dispatcher(self, one: Planned) -> Iterator[None]:
        with self._ground.frozen(one.target):
            yield

    # The broker

    def _broker_wipe(self, _: Planned) -> None:
        with suppress(redis.RedisError), closing(self._ground.redis()) as broker:
            broker.flushall()

    def _broker_replay(self, _: Planned) -> None:
        """Put everything that waits into the queue once more, the other way round."""
        with suppress(redis.RedisError), closing(self._ground.redis()) as broker:
            for job in broker.lrange(QUEUE, 0, 200):
                broker.lpush(QUEUE, job)
        self._remember_broker()

    def _remember_broker(self) -> None:
        with self._snapshot_lock, suppress(OSError, shutil.Error):
            shutil.rmtree(self._old_broker, ignore_errors=True)
            shutil.copytree(self._ground.broker.data, self._old_broker)

    def _broker_restart(self, _: Planned) -> None:
        self._ground.crash_broker(self._empty_broker)

    def _broker_restore(self, _: Planned) -> None:
        def restore() -> None:
            self._empty_broker()
            with self._snapshot_lock, suppress(OSError, shutil.Error):
                shutil.copytree(self._old_broker, self._ground.broker.data, dirs_exist_ok=True)

        self._ground.crash_broker(restore)

    def _empty_broker(self) -> None:
        shutil.rmtree(self._ground.broker.data, ignore_errors=True)
        self._ground.broker.data.mkdir()

    @contextmanager
    def _broker_freeze(self, one: Planned) -> Iterator[None]:
        if one.target == "pause":
            with suppress(redis.RedisError), closing(self._ground.redis()) as broker:
                broker.client_pause(int(one.seconds * 1000))
            yield
            return
        with self._ground.frozen("broker"):
            yield

    # PostgreSQL

    def _postgres_crash(self, one: Planned) -> None:
        self._ground.crash_postgres(at_once=one.target == "immediate")

    def _postgres_terminate(self, one: Planned) -> None:
        # Serving connections are its own role's; who ends them is the server's administrator.
        admin = self._ground.mortal.admin_url
        url = f"{admin.rpartition('/')[0]}/{self._ground.database}"
        with (
            suppress(psycopg2.Error),
            closing(servers.connect(url)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(_TERMINATE, [str(one.choice)])

    # Wires

    def _wire(self, name: str) -> Link:
        return self._ground.wires.links[name]

    def _wire_cut(self, one: Planned) -> None:
        self._wire(one.target).cut()

    @contextmanager
    def _wire_down(self, one: Planned) -> Iterator[None]:
        wire = self._wire(one.target)
        wire.down(is_down=True)
        yield
        wire.down(is_down=False)

    @contextmanager
    def _wire_slow(self, one: Planned) -> Iterator[None]:
        wire = self._wire(one.target)
        wire.slow(SLOW_SECONDS)
        yield
        wire.slow(0)

    def _wire_half_closed(self, one: Planned) -> None:
        self._wire(one.target).half_close()

    @contextmanager
    def _wire_deaf(self, one: Planned) -> Iterator[None]:
        name, _, way = one.target.partition(" ")
        wire = self._wire(name)
        wire.swallow(way)
        yield
        wire.hear()

    @contextmanager
    def _commit_cut(self, one: Planned) -> Iterator[None]:
        name, _, moment = one.target.partition(" ")
        wire = self._wire(name)
        wire.cut_commits(COMMITS_CUT, after=moment == "after")
        yield
        wire.cut_commits(0, after=moment == "after")


def costs_answers(one: Planned) -> bool:
    """Tell whether somebody who asks web may have gone without an answer."""
    if one.fault.startswith("postgres-"):
        return True
    if one.fault in {"zombie", "zombie-dispatcher"} or one.fault.startswith("broker-"):
        return False
    return one.target.startswith(("web child", "client>web", "web>postgres")) or one.target == "web"
