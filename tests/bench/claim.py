"""How long a claim takes beside ten million messages that are done, by one beside none."""

from collections.abc import Callable
from contextlib import ExitStack

from config.stack.speech import say
from tests.bench.ground import BenchStack, Ground
from tests.bench.results import Comparison, Figure, Target, by_turns

NAME = "claim"
PENDING, CLAIMED = 1_000, 100
CHUNK = 500_000
TARGET = Target("≤", 1.2)
# A day of messages, done one after the other; ids are ordered by time, as ours are.
_DONE = """
    INSERT INTO outbox_message
        (id, kind, version, lane, subject_id, state, available_at, epoch, started_at, worker, alone,
         starts, failures, lost, max_attempts, last_error, trace, created_at, finished_at)
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
            || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8' || substr(md5(n::text), 1, 15))::uuid,
           'charge', 1, 'charge:' || (ARRAY['mock', 'mock_success', 'mock_failure'])[1 + n %% 3],
           gen_random_uuid(), 8, at, 1, at + interval '20 ms', 'worker-7f9c6d5b4-x2x8z:17', false,
           1, 0, 0, 25, '', gen_random_uuid()::text, at, at + interval '60 ms'
    FROM (SELECT n, now() - interval '1 day' + n * interval '1 day' / %s AS at
          FROM generate_series(%s, %s) AS n) AS numbered
"""


def claim(ground: Ground) -> Figure:
    """Compare claims in two databases that differ in what is done."""
    done = ground.pick(10_000_000, 100_000)
    few, many = "nothing done", f"{done:,} done"
    with ground.database() as empty, ground.database() as full, ExitStack() as closing:
        _fill(full, done)
        contenders: dict[str, Callable[[], float]] = {}
        for label, stack in ((many, full), (few, empty)):
            with stack.watching() as at_once:
                at_once("VACUUM ANALYZE outbox_message")
            ask = closing.enter_context(stack.asking("claim", str(PENDING), str(CLAIMED)))
            ask()  # connects, and adds what is pending
            contenders[label] = ask
        rounds, each = ground.pick(10, 3), ground.pick(10, 3)
        found = by_turns(NAME, rounds, "ms", contenders, each=each)
        size = full.value("SELECT pg_size_pretty(pg_total_relation_size('outbox_message'))")
    what = f"{CLAIMED} of {PENDING:,} pending, beside {many} ÷ {few}"
    return Figure(
        [Comparison(what, "ms", found[many], found[few], TARGET)],
        notes=[f"Each round is the median of {each} claims by turns; the larger table has {size}."],
    )


def _fill(stack: BenchStack, done: int) -> None:
    for first in range(1, done + 1, CHUNK):
        last = min(first + CHUNK - 1, done)
        stack.rows(_DONE, done, first, last)
        say(NAME, f"{last:,} of {done:,} done messages are there")
