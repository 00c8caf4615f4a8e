"""Payments per second from POST to SUCCESS, by what web accepts when nobody settles them."""

from time import monotonic, sleep

from config.stack.speech import say
from tests.bench.ground import BenchStack, Ground
from tests.bench.posting import CONNECTIONS, Posting, Rate
from tests.bench.results import BenchProblem, Comparison, Figure, Series

NAME = "settled"
ACCEPTED = "accepted, nobody settles"
WAITING, MEANWHILE = "settled, all accepted before", "settled, POST to SUCCESS"
SETTLE_SECONDS = 300
POLL_SECONDS = 0.05
_OPEN = "SELECT 1 FROM payments_payment WHERE status IN ('CREATED', 'PROCESSING') LIMIT 1"
_COUNTS = "SELECT status, count(*) FROM payments_payment GROUP BY status"


def settled(ground: Ground) -> Figure:
    """Compare what is settled with what is accepted: payments that wait, and while they come."""
    rounds, seconds = ground.pick(5, 1), ground.pick(8, 1)
    found: dict[str, list[float]] = {ACCEPTED: [], WAITING: [], MEANWHILE: []}
    with ground.stack("web", "worker") as stack:
        posting = Posting(stack)
        posting.warm_up()
        _settle(stack)
        for number in range(1, rounds + 1):
            accepted = posting.many(CONNECTIONS, seconds)
            found[ACCEPTED].append(accepted.per_second)
            found[WAITING].append(accepted.creates / _settle(stack))
            found[MEANWHILE].append(_meanwhile(stack, posting, seconds))
            for label, values in found.items():
                say(NAME, f"round {number} of {rounds}: {label} {values[-1]:,.4g} /s")
        _check(stack)
    accepted_series = Series(ACCEPTED, found[ACCEPTED])
    return Figure(
        [
            Comparison(f"{label} ÷ {ACCEPTED}", "/s", Series(label, found[label]), accepted_series)
            for label in (MEANWHILE, WAITING)
        ],
        notes=[f"{CONNECTIONS} connections send for {seconds} s; gateway mock_success."],
    )


def _settle(stack: BenchStack) -> float:
    """Have what waits settled, and return how long that took, the dispatcher's start included."""
    began = monotonic()
    stack.launch("dispatcher")
    end = wait_until_settled(stack)
    stack.stop("dispatcher")
    return end - began


def _meanwhile(stack: BenchStack, posting: Posting, seconds: int) -> float:
    """Accept and settle at the same time; return how many payments a second went all the way."""
    stack.start("dispatcher")
    began = monotonic()
    rate: Rate = posting.many(CONNECTIONS, seconds)
    end = wait_until_settled(stack)
    stack.stop("dispatcher")
    return rate.creates / (end - began)


def wait_until_settled(stack: BenchStack) -> float:
    """Wait until no payment is on its way, and return when that was.

    :raises BenchProblem: if that takes too long
    """
    deadline = monotonic() + SETTLE_SECONDS
    with stack.watching() as ask:
        while ask(_OPEN):
            if monotonic() > deadline:
                message = f"not everything was settled within {SETTLE_SECONDS} s\n{stack.logs()}"
                raise BenchProblem(message)
            sleep(POLL_SECONDS)
    return monotonic()


def _check(stack: BenchStack) -> None:
    counts = dict(stack.rows(_COUNTS))
    if set(counts) != {"SUCCESS"}:
        message = f"not every payment is SUCCESS: {counts}"
        raise BenchProblem(message)
