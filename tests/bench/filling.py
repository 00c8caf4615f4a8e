"""Puts the rows and messages of the drain and latency figures into a database."""

from time import monotonic, sleep

from tests.bench import touching
from tests.bench.ground import BenchStack
from tests.bench.results import BenchProblem

POLL_SECONDS = 0.02
_UNTOUCHED = "SELECT 1 FROM bench_row WHERE touched = 0 LIMIT 1"
_WRONG = "SELECT count(*) FROM bench_row WHERE touched <> 1"
_UNDONE = "SELECT count(*) FROM outbox_message WHERE state <> 8"
_ROWS = """
    INSERT INTO bench_row (id)
    SELECT gen_random_uuid() FROM generate_series(1, %s)
"""
# Ids are ordered, as ours are: the time in front, then the number.
_MESSAGES = """
    INSERT INTO outbox_message
        (id, kind, version, lane, subject_id, state, epoch, alone, worker, starts, failures, lost,
         max_attempts, last_error, trace)
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
            || '7' || lpad(to_hex(row_number() OVER () %% 4096), 3, '0')
            || '8' || substr(md5(id::text), 1, 15))::uuid,
           %s, 1, %s, id, 0, 0, false, '', 0, 0, 0, 25, '', md5(id::text)
    FROM bench_row WHERE touched = 0
"""


def make_table(stack: BenchStack) -> None:
    """Make the table that is updated, and let the serving role update it."""
    stack.rows(touching.TABLE.format(role=stack.databases.roles.serving.name))


def fill(stack: BenchStack, count: int, *, messages: bool) -> None:
    """Have this many rows to touch, and a committed message for each if asked."""
    stack.rows("TRUNCATE bench_row")
    stack.rows(_ROWS, count)
    if messages:
        kind = touching.TOUCH
        stack.rows(_MESSAGES, kind, touching.lane(kind))
    for table in ("bench_row", "outbox_message"):
        stack.rows(f"ANALYZE {table}")


def wait_until_touched(stack: BenchStack, seconds: float) -> float:
    """Wait until every row is touched, and return when that was.

    :raises BenchProblem: if that takes too long, or a row was touched twice, or a message is left
    """
    deadline = monotonic() + seconds
    with stack.watching() as ask:
        while ask(_UNTOUCHED):
            if monotonic() > deadline:
                message = f"not everything was done within {seconds:.0f} s\n{stack.logs()}"
                raise BenchProblem(message)
            sleep(POLL_SECONDS)
    end = monotonic()
    if stack.value(_WRONG) or stack.value(_UNDONE):
        message = f"{stack.value(_WRONG)} rows touched twice, {stack.value(_UNDONE)} messages left"
        raise BenchProblem(message)
    return end
