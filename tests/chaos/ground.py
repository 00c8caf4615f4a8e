"""The processes of a run, each reached by wires of its own, started again whenever one dies."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from config.stack import processes
from config.stack.ports import LOOPBACK
from config.stack.processes import Program
from tests.chaos.ear import Ear
from tests.chaos.proxy import Link, Wires
from tests.crash.mortal import Mortal
from tests.crash.stack import SHORT_LEASES, Running, Stack

WORKERS = ("worker", "worker-2", "worker-3")
DISPATCHERS = ("dispatcher", "dispatcher-2")
OURS = ("web", *DISPATCHERS, *WORKERS)
NAMES = ("simulator", *OURS)
# Ten minutes from the others, one each way.
WRONG_CLOCKS = {"worker-2": "600", "dispatcher-2": "-600"}
KEEP_EVERY_SECONDS = 0.2
ENVIRONMENT = {
    **SHORT_LEASES,
    "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
    "SECRET_KEY": "for the chaos run only",
    "WEBHOOK_SECRET_KEYS": "k1:for measuring and for killing and nothing else",
    "ENV_FILE": "",
    "DEBUG": "0",
}


class Ground(Stack):
    """Web, two dispatchers, three workers, a provider and a merchant's listener.

    There is a proxy on every wire.
    """

    def __init__(self, folder: Path, databases: Mortal, seed: int) -> None:
        self.wires = Wires()
        self.ear = Ear(seed, self.wires)
        self.mortal = databases
        self.kills: Counter[str] = Counter()
        self.restarts = 0
        # A process that is started dies with the thread that did it, so this one starts them all.
        self._hands = ThreadPoolExecutor(1, thread_name_prefix="hands")
        self._resting: dict[str, float] = {}
        self._is_over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper")
        super().__init__(folder, databases, WEBHOOK_TEST_HOSTS=self.ear.host, **ENVIRONMENT)
        self.client_wire = self._wire("client", "web", self.port)

    def _wire(self, one: str, other: str, port: int) -> Link:
        return self.wires.link(f"{one}>{other}", port)

    def _program(self, name: str) -> Program:
        program = super()._program(name)
        if name == "simulator":
            port = self._wire(name, "web", self.port).port
            hook = f"http://{LOOPBACK}:{port}/api/webhooks/simulator/"
            return replace(program, env={**program.env, "SIMULATOR_WEBHOOK_URL": hook})
        return (
            replace(program, env={**program.env, **self._wired(name)}) if name in OURS else program
        )

    def _wired(self, name: str) -> dict[str, str]:
        """Return the settings of a process that sees everybody else at the end of a wire."""
        postgres = self._wire(name, "postgres", self.mortal.port).port
        url = self.databases.url(self.database)
        broker = self._wire(name, "broker", self.broker.port).port
        simulator = self._wire(name, "simulator", self.simulator.port).port
        return {
            "DATABASE_URL": url.replace(f":{self.mortal.port}/", f":{postgres}/"),
            "REDIS_URL": f"redis://{LOOPBACK}:{broker}/0",
            "SIMULATOR_URL": f"http://{LOOPBACK}:{simulator}",
            "CHAOS_CLOCK_OFFSET_SECONDS": WRONG_CLOCKS.get(name, "0"),
        }

    # Life and death

    def begin(self) -> None:
        """Start everything, and from now on whatever dies."""
        self._do(lambda: self.start("broker"))
        self._do(lambda: self.start(*NAMES))
        self.ear.enroll(self)
        self._keeper.start()

    def _do(self, act: Callable[[], Any]) -> Any:
        return self._hands.submit(act).result()

    def _keep(self) -> None:
        while not self._is_over.wait(KEEP_EVERY_SECONDS):
            self._do(self._restart_the_dead)

    def _restart_the_dead(self) -> None:
        for name in ("broker", *NAMES):
            running = self._running[name]
            if running.process.poll() is None or self._resting.get(name, 0) > time.monotonic():
                continue
            processes.kill_group(running.process.pid)
            process = processes.start(running.program, self._log(name))
            self._running[name] = Running(running.program, process)
            self.restarts += 1

    def slay(self, name: str, rest_seconds: float = 0.0) -> None:
        """Kill a process and everything below it; it is started again after a rest."""
        self._resting[name] = time.monotonic() + rest_seconds
        self._do(lambda: processes.kill_tree(self._running[name].process))
        self.kills[name] += 1

    def slay_child(self, name: str, choice: int) -> None:
        """Kill one process below this one, and leave its parent to find out."""
        with suppress(psutil.Error):
            children = self._family(name)[1:]
            if children:
                children[choice % len(children)].kill()
                self.kills[f"{name} child"] += 1

    def crash_postgres(self, *, at_once: bool) -> None:
        """End PostgreSQL, and start it again."""
        self._do(self.mortal.stop_at_once if at_once else self.mortal.crash)
        self.kills["postgres"] += 1

    def crash_broker(self, prepare: Callable[[], None]) -> None:
        """Kill the broker; it comes back on what `prepare` makes of its folder."""

        def act() -> None:
            processes.kill_tree(self._running["broker"].process)
            prepare()
            self._restart_the_dead()

        self._do(act)
        self.kills["broker"] += 1

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Stop a process and all below it for as long as the block takes."""
        family: Sequence[psutil.Process] = []
        try:
            with suppress(psutil.Error):
                family = self._family(name)
                for one in family:
                    one.suspend()
            yield
        finally:
            # First what is below it: a pool would end children that are late.
            for one in [*family[1:], *family[:1]]:
                with suppress(psutil.Error):
                    one.resume()

    def pid(self, name: str) -> int:
        """Return the number of a process as it is now."""
        return self._running[name].process.pid

    def finish(self) -> None:
        """Have everything that still goes wrong on a wire, or behind it, end."""
        self.wires.calm()
        self.ear.calm()

    def close(self) -> None:
        """End everything."""
        self._is_over.set()
        if self._keeper.is_alive():
            self._keeper.join()
        self._do(super().close)
        self.wires.close()
        self.ear.close()
        self._hands.shutdown()


@contextmanager
def ground(folder: Path, seed: int) -> Iterator[Ground]:
    """Start servers and processes in this folder, and end them all."""
    starter = ThreadPoolExecutor(1)
    databases = Mortal(folder)
    stack: Ground | None = None
    try:
        starter.submit(databases.start).result()
        stack = Ground(folder, databases, seed)
        done = stack.manage("seed_demo", "--in-production")
        assert done.returncode == 0, done.stderr
        stack.begin()
        yield stack
    finally:
        if stack is not None:
            stack.close()
        starter.submit(databases.stop).result()
        starter.shutdown()
