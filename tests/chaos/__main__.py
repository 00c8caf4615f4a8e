"""``make chaos``: kill, freeze, wipe and cut for a while, then compare all books."""

import argparse
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from config.stack.problem import StackProblem
from config.stack.speech import say, show
from tests import servers
from tests.chaos import schedule, verdict
from tests.chaos.faults import Mischief
from tests.chaos.ground import ENVIRONMENT, WORKERS, Ground, ground
from tests.chaos.load import Load
from tests.chaos.storm import Storm
from tests.chaos.verdict import Verdict
from tests.chaos.watch import Watch
from tests.crash import simulated
from tests.outside.journal import Journal
from tests.servers import ROOT

FOLDER = ROOT / ".local" / "chaos"
SAY_EVERY_SECONDS = 5.0
POLL_SECONDS = 0.1
ANSWERS_SECONDS = 60.0
USUAL = {"rate": 12.0, "slots": 2, "profile": "storm", "settle": 120.0}
# Servers are started here, never used where they are.
_NOT_HERE = (
    *("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_OPERATOR_URL", "DATABASE_ROLE"),
    *("REDIS_URL", "SIMULATOR_URL"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run, and return the exit code that the last line deserves."""
    asked = _arguments(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    for name in _NOT_HERE:
        os.environ.pop(name, None)
    slots = {"WORKER_SLOTS": str(asked.slots), "WORKER_COUNT": str(len(WORKERS))}
    os.environ.update(ENVIRONMENT, WEB_WORKERS="1", **slots)
    folder = FOLDER / str(asked.seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return _run(asked, folder)
    except StackProblem as problem:
        show(str(problem))
        return 1
    except KeyboardInterrupt:
        show("stopped; nothing was judged")
        return 1
    finally:
        shutil.rmtree(servers.FOLDER, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Run:
    """One run, and everybody in it."""

    asked: argparse.Namespace
    found: Verdict
    stack: Ground
    journal: Journal
    load: Load
    storm: Storm
    watch: Watch


def _run(asked: argparse.Namespace, folder: Path) -> int:
    planned = schedule.plan(asked.seed, asked.duration, asked.faults)
    schedule.write(planned, folder / "schedule.json")
    say("chaos", f"seed {asked.seed}: {len(planned)} faults in {asked.duration:g} s; {folder}")
    found = Verdict(asked.seed, may_be_calm=not verdict.shows_fences(set(asked.faults)))
    with ground(folder, asked.seed) as stack, closing(Journal(folder / "journal.jsonl")) as journal:
        simulated.control(stack, "profile", name=asked.profile, seed=asked.seed)
        load = Load(stack, journal, asked.seed, asked.rate)
        storm = Storm(planned, Mischief(stack, folder), journal)
        run = Run(asked, found, stack, journal, load, storm, Watch(stack))
        try:
            _rage(run)
            _aftermath(run)
        finally:
            storm.stop()
            run.watch.stop()
            load.finish(0)
        _report(run)
    return found.exit_code


def _rage(run: Run) -> None:
    """Let it rage; say every few seconds how things stand."""
    begun = time.monotonic()
    run.load.start()
    run.watch.start()
    run.storm.start()
    while (left := begun + run.asked.duration - time.monotonic()) > 0 or run.storm.is_alive():
        time.sleep(min(SAY_EVERY_SECONDS, max(left, POLL_SECONDS)))
        say(
            f"{time.monotonic() - begun:5.0f} s",
            f"{run.load.payments} payments, {run.load.refunds} refunds, "
            f"{len(run.load.waiting)} unanswered, {verdict.standing(run.stack)}; "
            f"{run.stack.kills.total()} kills, {run.storm.met.total()} faults",
        )
    run.load.stop_new()
    run.stack.finish()


def _aftermath(run: Run) -> None:
    """Wait for rest, within limits, and judge."""
    say("after", "no more faults; waiting for the last answers, and for everything to settle")
    found, seconds = run.found, run.asked.settle
    if unanswered := run.load.finish(ANSWERS_SECONDS):
        found.broken.append(f"{unanswered} requests were never answered")
    left = verdict.settle(run.stack, seconds)
    if not left:
        if letters := verdict.deliver_letters(run.stack):
            found.broken.append(f"{letters} webhooks never arrived")
        left = verdict.settle(run.stack, seconds)
    run.stack.ear.hear_out(run.stack, seconds)
    found.stuck = len(left)
    found.broken += [f"unsettled: {row}" for row in left[:20]]
    say("after", f"{found.stuck} unsettled; asking everybody")
    verdict.judge(found, run.stack, run.journal, run.storm.ended_at)
    run.watch.stop()
    found.broken += run.watch.objections(run.asked.slots, run.storm.met)


def _report(run: Run) -> None:
    _table("faults met", sorted(run.storm.met.items()))
    _table("killed", sorted(run.stack.kills.items()))
    cuts = sum(link.commits_cut for link in run.stack.wires.links.values())
    most = ("most jobs in the broker", run.watch.jobs_max)
    _table("besides", [("commits cut", cuts), ("started again", run.stack.restarts), most])
    longest = run.watch.longest
    show(f"\nthe longest transaction took {longest.seconds:.1f} s ({longest.about})")
    _table("answers (0: none)", sorted(run.load.answers.items()))
    _table("tries to tell the merchant, who would", sorted(run.stack.ear.moods.items()))
    show("\nlast to settle: seconds after the last fault, by which message, and what was tried")
    for kind, seconds, *how in run.found.slowest:
        show(f"  {kind:<7}{seconds:>6} s  {' | '.join(str(one) for one in how)}")
    for failure in run.storm.failed[:5]:
        show(f"a fault failed: {failure}")
    for text in run.found.broken:
        show(f"\n{text}")
    if run.found.exit_code == 1:
        show(f"\nreplay: {_replay(run.asked)}")
    elif run.found.exit_code:
        show("\nneither a stale delivery nor a fence rejection was met: this run shows nothing")
    show(run.found.line)


def _replay(asked: argparse.Namespace) -> str:
    only = "" if asked.all_faults else " FAULTS=" + ",".join(asked.faults)
    given = {name: getattr(asked, name) for name in USUAL}
    other = " ".join(f"--{name} {value}" for name, value in given.items() if value != USUAL[name])
    arguments = f' ARGS="{other}"' if other else ""
    return f"make chaos SEED={asked.seed} DURATION={asked.duration:g}{only}{arguments}"


def _table(title: str, rows: Iterable[tuple[object, int]]) -> None:
    show(f"\n{title}")
    for name, number in rows:
        show(f"  {name!s:<24}{number:>6}")


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    env = os.environ.get
    parser = argparse.ArgumentParser(
        prog="make chaos",
        usage="make chaos [DURATION=180] [SEED=…] [FAULTS=kill,zombie,…]",
        description=__doc__,
        epilog=f"faults: {', '.join(schedule.KINDS)}. Exit 0: everything holds. 1: something does "
        "not. 2: everything holds, and no stale delivery and no fence was met, so that this shows "
        "nothing.",
    )
    add = parser.add_argument
    add("--duration", type=float, default=float(env("DURATION") or 180), help="seconds (180)")
    add("--seed", type=int, default=int(env("SEED") or secrets.randbelow(1 << 31)))
    add("--faults", default=env("FAULTS") or "", help="only these, with commas between (all)")
    add("--rate", type=float, help="payments a second that are begun (12)")
    add("--slots", type=int, help="slots of each of three workers (2)")
    add("--profile", help="how the provider behaves, docs/simulator.md (storm)")
    add("--settle", type=float, help="seconds in which all has to settle (120)")
    parser.set_defaults(**USUAL)
    asked = parser.parse_args(arguments)
    asked.all_faults = not asked.faults
    asked.faults = [name for name in asked.faults.split(",") if name] or list(schedule.KINDS)
    if unknown := set(asked.faults) - schedule.KINDS.keys():
        parser.error(
            f"no fault {', '.join(sorted(unknown))}; there are {', '.join(schedule.KINDS)}"
        )
    return asked


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
