"""What happens when: drawn from a seed before anything starts, so that it can be had again."""

import json
import random
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.chaos import ear
from tests.chaos.ground import DISPATCHERS, WORKERS

# In every cycle there is a time in which nothing new breaks, so that retries get somewhere.
CYCLE_SECONDS, QUIET_SECONDS = 40.0, 8.0
# Processes have come up, and the first payments are on their way.
FIRST_SECONDS = 3.0
ZOMBIE = "zombie"

_WITH_POSTGRES = tuple(f"{one}>postgres" for one in ("web", *DISPATCHERS, *WORKERS))
_WITH_BROKER = tuple(f"{one}>broker" for one in ("web", *DISPATCHERS, *WORKERS))
_WITH_SIMULATOR = tuple(f"{one}>simulator" for one in WORKERS)
WIRES = (
    *(*_WITH_POSTGRES, *_WITH_BROKER, *_WITH_SIMULATOR),
    *("simulator>web", "client>web", ear.WIRE),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault: how often, how long, and to whom, some more often than others."""

    every: float
    seconds: tuple[float, float] = (0.0, 0.0)
    targets: tuple[str, ...] = ("",)
    is_regular: bool = False


_MORTALS = (
    *("web", "dispatcher", "dispatcher-2", *WORKERS, "simulator", "simulator", "web child"),
    *(f"{name} child" for name in WORKERS * 4),
)
KINDS = {
    "kill": Kind(1.6, (0.0, 1.5), _MORTALS),
    # Longer than the lease of a start (6 s), its sweep, and another worker's turn.
    ZOMBIE: Kind(0.5, (8.5, 10.5), WORKERS),
    "zombie-dispatcher": Kind(19, (3.0, 5.0), DISPATCHERS),
    "broker-wipe": Kind(10, is_regular=True),
    "broker-replay": Kind(13),
    "broker-restart": Kind(47),
    "broker-restore": Kind(53),
    "broker-freeze": Kind(37, (1.0, 4.0), ("stop", "pause")),
    "postgres-crash": Kind(41, targets=("kill", "immediate")),
    "postgres-terminate": Kind(7),
    "wire-cut": Kind(6, targets=WIRES),
    "wire-down": Kind(11, (0.5, 3.0), WIRES),
    "wire-slow": Kind(11, (1.0, 4.0), WIRES),
    "wire-half-closed": Kind(23, targets=WIRES),
    "wire-deaf": Kind(17, (1.0, 4.0), tuple(f"{w} {way}" for w in WIRES for way in ("up", "down"))),
    "commit-cut": Kind(5, (1.0, 2.0), tuple(f"{w} {at}" for w in _WITH_POSTGRES
                                            for at in ("before", "after", "after"))),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of a run."""

    at: float
    fault: str
    target: str
    seconds: float
    choice: int  # which one, of things that nobody can name beforehand

    def __str__(self) -> str:
        return f"{self.fault} {self.target}".strip()


def plan(seed: int, duration: float, wanted: Collection[str]) -> list[Planned]:
    """Return everything that will happen, in order."""
    zombies = _zombies(seed, duration) if ZOMBIE in wanted else []
    found = [*zombies]
    for name in wanted:
        if name != ZOMBIE:
            found += _often(name, seed, duration, zombies)
    return sorted(found, key=lambda one: one.at)


def _zombies(seed: int, duration: float) -> list[Planned]:
    """Return a row of frozen workers: when one wakes, the next one falls asleep."""
    chance, kind = random.Random(f"{seed}/{ZOMBIE}"), KINDS[ZOMBIE]
    found: list[Planned] = []
    at, name = FIRST_SECONDS, ""
    while True:
        name = chance.choice([one for one in kind.targets if one != name])
        seconds = chance.uniform(*kind.seconds)
        if at + seconds > duration:
            return found
        found.append(Planned(round(at, 2), ZOMBIE, name, round(seconds, 2), 0))
        at += seconds + kind.every


def _often(name: str, seed: int, duration: float, zombies: Sequence[Planned]) -> list[Planned]:
    chance, kind = random.Random(f"{seed}/{name}"), KINDS[name]
    found: list[Planned] = []
    at = 0.0
    while True:
        at += kind.every * (1 if kind.is_regular else chance.uniform(0.5, 1.5))
        seconds, choice = chance.uniform(*kind.seconds), chance.randrange(1 << 16)
        target = chance.choice([one for one in kind.targets if not _sleeps(one, at, zombies)])
        if at + seconds > duration:
            return found
        is_quiet = at % CYCLE_SECONDS > CYCLE_SECONDS - QUIET_SECONDS and not kind.is_regular
        if at >= FIRST_SECONDS and not is_quiet:
            found.append(Planned(round(at, 2), name, target, round(seconds, 2), choice))


def _sleeps(target: str, at: float, zombies: Sequence[Planned]) -> bool:
    """Tell whether a process is frozen at that time; a zombie that is killed is none."""
    name = target.partition(" ")[0]
    return any(z.target == name and z.at - 1 <= at <= z.at + z.seconds + 1 for z in zombies)


def write(planned: Sequence[Planned], path: Path) -> None:
    """Write a plan down."""
    path.write_text(json.dumps([asdict(one) for one in planned], indent=1), encoding="utf-8")
