"""Creates per second over HTTP, by the rows that PostgreSQL alone can write in the same time."""

import os
import re
import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench.ground import BenchStack, Ground, find_pgbench, run
from tests.bench.posting import CONNECTIONS, Posting, Rate
from tests.bench.results import BenchProblem, Comparison, Figure, Target, by_turns
from tests.bench.rows import Scripts, provide_uuidv7, written_by

NAME = "create"
HTTP, ONE, SIX = "POST /api/payments/", "pgbench, one statement", "pgbench, six statements"
TARGET = Target("≥", 0.30)
_PROCESSED = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")
_TPS = re.compile(r"tps = ([\d.]+)")


def create(ground: Ground) -> Figure:
    """Compare creates over HTTP with the same rows written by pgbench."""
    pgbench = find_pgbench()
    figure = Figure()
    with ground.stack("web") as stack:
        bench = Creating(stack, pgbench, seconds=ground.pick(6, 1))
        for connections in ground.pick_from((1, CONNECTIONS, 8), (CONNECTIONS,)):
            figure.comparisons += bench.compare(connections, ground.pick(5, 1))
    each = ", ".join(sorted(bench.rows_each))
    figure.notes.append(f"A create writes one row each of: {each}. Counted after every round.")
    return figure


class Creating:
    """One stack's web, and pgbench beside it on the same database."""

    def __init__(self, stack: BenchStack, pgbench: str, seconds: int) -> None:
        self.stack, self.pgbench, self.seconds = stack, pgbench, seconds
        self.posting = Posting(stack)
        self.posting.warm_up()
        self.rows_each: Counter[str] = Counter()
        self._scripts = self._write_scripts()

    def _write_scripts(self) -> dict[str, Path]:
        key = str(uuid.uuid4())
        written = written_by(self.stack, self.posting.one(key))
        self.rows_each = Counter(row.table for row in written)
        provide_uuidv7(self.stack)
        scripts = Scripts(written, key)
        texts = {ONE: scripts.one_statement(), SIX: scripts.six_statements()}
        found = {}
        for number, (label, text) in enumerate(texts.items()):
            found[label] = self.stack.folder / f"create-{number}.sql"
            found[label].write_text(text)
        return found

    def compare(self, connections: int, rounds: int) -> list[Comparison]:
        """Measure all three by turns."""
        http = partial(self.posting.many, connections, self.seconds)
        contenders: dict[str, Callable[[], float]] = {
            HTTP: partial(self._counted, http, connections),
            ONE: partial(self._counted, partial(self.floor, ONE, connections), 0),
            SIX: partial(self._counted, partial(self.floor, SIX, connections), 0),
        }
        place = f"{connections} connection{'s' if connections > 1 else ''}"
        found = by_turns(f"{NAME} {connections}", rounds, "/s", contenders)
        target = TARGET if connections == CONNECTIONS else None
        return [
            Comparison(f"{place} ÷ {ONE}", "creates/s", found[HTTP], found[ONE], target),
            Comparison(f"{place} ÷ {SIX}", "creates/s", found[HTTP], found[SIX]),
        ]

    def _counted(self, measure: Callable[[], Rate], in_flight: int) -> float:
        """Measure, and hold what was said to be created against what is in the tables.

        :raises BenchProblem: if it is not the same
        """
        before = self.stack.counts()
        rate = measure()
        after = self.stack.counts()
        for table, count in after.items():
            more, each = count - before[table], self.rows_each[table]
            # What was under way when the time was up is written, and not counted by wrk.
            if not rate.creates * each <= more <= (rate.creates + in_flight) * each:
                message = (
                    f"{rate.creates} creates added {more} rows to {table}, {each} each expected"
                )
                raise BenchProblem(message)
        return rate.per_second

    def floor(self, label: str, connections: int) -> Rate:
        """Write the same rows with pgbench for a while.

        :raises BenchProblem: if a transaction fails
        """
        serving = self.stack.databases.roles.serving
        url = self.stack.databases.url(self.stack.database).replace(f":{serving.password}@", "@")
        command = [self.pgbench, "-n", "-M", "prepared", "-T", str(self.seconds)]
        command += ["-c", str(connections), "-j", str(min(connections, os.cpu_count() or 1))]
        command += ["-f", str(self._scripts[label]), url]
        env = {**os.environ, "PGPASSWORD": serving.password}
        said = run(command, env=env, seconds=self.seconds + 60)
        found = [pattern.search(said) for pattern in (_PROCESSED, _FAILED, _TPS)]
        processed, failed, tps = (float(one[1]) if one else -1.0 for one in found)
        if failed or processed <= 0:
            message = f"pgbench did not write every row: {said[-2000:]}"
            raise BenchProblem(message)
        return Rate(int(processed), tps)
