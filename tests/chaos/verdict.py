"""What came of a run: is all settled, do all books agree, and did the run show anything."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import requests

from config.stack.speech import say
from tests.chaos.ground import Ground
from tests.chaos.schedule import ZOMBIE
from tests.crash import books, simulated
from tests.outside import checking
from tests.outside.journal import Journal

POLL_SECONDS = 0.5
SAY_EVERY_SECONDS = 5.0
# Longer than a webhook waits for its next try, so that all are due.
ADVANCE_SECONDS = 400
LETTERS_SECONDS = 60
HEARD = "merchant-hears-everything"
SENSORS = {"stale": "pay_stale_deliveries_total", "fenced": "pay_fence_rejections_total"}
_LETTERS = "SELECT count(*) FROM sim_letter WHERE delivered_at IS NULL AND given_up_at IS NULL"
_STANDING = """
    SELECT count(settled_at), count(*) FILTER (WHERE settled_at IS NULL) FROM payments_operation
"""
_P99 = """
    SELECT coalesce(percentile_cont(0.99) WITHIN GROUP (
        ORDER BY extract(epoch FROM settled_at) - %s), 0)
    FROM payments_operation WHERE extract(epoch FROM settled_at) > %s
"""
_SLOWEST = """
    SELECT o.kind, round(extract(epoch FROM o.settled_at)::numeric - %s::numeric, 1) AS seconds,
           m.kind AS by, m.starts, m.lost, m.failures, m.last_error,
           (SELECT string_agg(concat_ws(' ', a.kind, a.outcome, a.code), ', ' ORDER BY a.id)
            FROM payments_attempt a WHERE a.operation_id = o.id)
    FROM payments_operation o LEFT JOIN outbox_message m ON m.subject_id = o.id
    WHERE o.settled_at IS NOT NULL ORDER BY o.settled_at DESC LIMIT 8
"""
# Which of the numbers in the last line a broken claim counts for; any other one fails the run, too.
_COUNTS_AS = {
    "provider-charged-once": "duplicates",
    "provider-moved-once": "duplicates",
    "promises-one-answer-per-key": "duplicates",
    "promises-payments-are-there": "lost",
    "promises-refunds-are-there": "lost",
    HEARD: "lost",
    "provider-webhooks-are-stored": "lost",
    "provider-moved-what-ended-well": "lost",
    "provider-charges-as-booked": "unbalanced",
    "provider-refunds-as-booked": "unbalanced",
    "provider-owes-as-booked": "unbalanced",
    "ledger-transactions-balance": "unbalanced",
    "ledger-trial-balance": "unbalanced",
    "ledger-accounting-equation": "unbalanced",
}


@dataclass(slots=True)
class Verdict:
    """The last line, and what it is made of."""

    seed: int
    payments: int = 0
    kills: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    stuck: int = 0
    stale: int = 0
    fenced: int = 0
    settle_p99_s: float = 0.0
    broken: list[str] = field(default_factory=list)
    may_be_calm: bool = False
    slowest: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Return the last line."""
        numbers = {
            "payments": self.payments,
            "kills": self.kills,
            **{name: self.counts[name] for name in ("duplicates", "lost", "unbalanced")},
            "stuck": self.stuck,
            "stale": self.stale,
            "fenced": self.fenced,
        }
        told = " ".join(f"{name}={number}" for name, number in numbers.items())
        return f"CHAOS seed={self.seed} {told} settle_p99_s={self.settle_p99_s:.1f}"

    @property
    def exit_code(self) -> int:
        """Return 1 if anything is wrong, 2 if nothing is and nothing was shown either."""
        if self.broken or self.stuck or self.counts.total():
            return 1
        return 0 if self.stale or self.fenced or self.may_be_calm else 2

    def find(self, name: str, text: str, rows: int) -> None:
        """Count a broken claim for what it means."""
        self.broken.append(text)
        if name in _COUNTS_AS:
            self.counts[_COUNTS_AS[name]] += rows


def standing(ground: Ground) -> str:
    """Return how many operations are settled and how many are not, if anybody can tell."""
    try:
        ((settled, still_open),) = ground.rows(_STANDING)
    except psycopg2.Error:
        return "no database"
    return f"{settled} settled, {still_open} open"


def settle(ground: Ground, seconds: float) -> list[tuple[Any, ...]]:
    """Wait until nothing is left to do; return what is when the time is up."""
    deadline = time.monotonic() + seconds
    next_word = time.monotonic() + SAY_EVERY_SECONDS
    left: list[tuple[Any, ...]] = [("database", "", "it was never asked")]
    while time.monotonic() < deadline:
        if time.monotonic() > next_word:
            next_word += SAY_EVERY_SECONDS
            say("after", f"{standing(ground)}; {len(left)} rows are not at rest")
        ground.ear.hasten(ground)
        try:
            left = ground.rows(books.UNSETTLED)
        except psycopg2.Error as error:
            left = [("database", "", str(error))]
        if not left:
            return []
        time.sleep(POLL_SECONDS)
    return left


def deliver_letters(ground: Ground) -> int:
    """Let every webhook be due and arrive; return how many did not."""
    deadline = time.monotonic() + LETTERS_SECONDS
    _advance(ground)
    while (left := int(simulated.ask(ground, _LETTERS)[0][0])) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return left


def _advance(ground: Ground) -> None:
    for _ in range(20):
        try:
            simulated.control(ground, "clock", advance_seconds=ADVANCE_SECONDS)
        except requests.RequestException:
            time.sleep(POLL_SECONDS)  # it may still be on its way up
        else:
            return


def judge(verdict: Verdict, ground: Ground, journal: Journal, ended_at: float) -> None:
    """Ask everybody, and write down what does not hold."""
    done = ground.manage("verify", "--quiescent", "--json")
    for finding in json.loads(done.stdout):
        if finding["result"] not in {"ok", "skip"}:
            text = json.dumps(finding, indent=1)
            verdict.find(finding["name"], f"verify: {text}", finding["rows"] or 1)
    owner_url = ground.databases.url(ground.database, owner=True)
    for violation in checking.check(owner_url, ground.simulator_db, journal.path, at_rest=True):
        verdict.find(violation.name, str(violation), violation.count)
    for text in ground.ear.objections(ground):
        verdict.find(HEARD, f"{HEARD}: {text}", 1)
    verdict.payments = ground.value("SELECT count(*) FROM payments_payment")
    verdict.settle_p99_s = float(ground.rows(_P99, ended_at, ended_at)[0][0])
    verdict.slowest = ground.rows(_SLOWEST, ended_at)
    verdict.stale = int(ground.counted(SENSORS["stale"]))
    verdict.fenced = int(ground.counted(SENSORS["fenced"]))
    verdict.kills = ground.kills.total()


def shows_fences(faults: set[str]) -> bool:
    """Tell whether a run with these faults has to meet a stale delivery or a fence."""
    return bool(faults & {ZOMBIE, "broker-replay", "broker-restore"})
