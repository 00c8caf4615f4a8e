"""Faults by chance: how likely each is for an operation, drawn from a seed.

The draw depends on the seed and on the operation's number only, so that the same seed gives the
same faults in the same order, however the calls are interleaved and however often we restart.
"""

import json
import random
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from simulator import faults
from simulator.store import set_setting, setting

Silence = Literal["drop", "error"]
SILENCES: tuple[Silence, ...] = ("drop", "error")

_ROUGH = {
    "drop_before": 0.02,
    "drop_after": 0.02,
    "error_before": 0.01,
    "error_after": 0.01,
    "error_stored": 0.01,
    "pending_success": 0.02,
    "rate_limited_seconds": 0.01,
    "rate_limited_bare": 0.01,
    "truncated": 0.01,
    "html": 0.01,
    "webhook_twice": 0.05,
    "webhook_late": 0.05,
    "webhook_none": 0.02,
}
# Nobody looks up what was answered.
_FINDS = ("find_dropped", "find_error", "find_malformed", "find_rate_limited", "find_slow")
NAMED: dict[str, dict[str, Any]] = {
    "calm": {},
    "rough": {"faults": _ROUGH},
    "storm": {
        "faults": {
            **dict.fromkeys(_ROUGH, 0.03),
            **dict.fromkeys(("slow_before", "slow_after", "malformed", "oversized"), 0.01),
            **dict.fromkeys(("find_lags", "status_lags", "rate_limited_date"), 0.02),
            **dict.fromkeys(("webhook_reordered", "webhook_contradictory"), 0.05),
            **dict.fromkeys((f"error_stored+{name}" for name in _FINDS), 0.01),
            "webhook_forged": 0.05,
        },
        "outage": {"every_seconds": 120, "seconds": 10, "silence": "drop"},
    },
}


class BadProfile(Exception):
    """A profile that says something we do not know."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without answers that comes back."""

    every_seconds: float
    seconds: float
    silence: Silence

    def is_on(self, now: float) -> bool:
        """Test whether nobody gets an answer now. A period ends with its outage."""
        return now % self.every_seconds >= self.every_seconds - self.seconds


@dataclass(frozen=True, slots=True)
class Profile:
    """The likelihood of each fault, from 0 to 1."""

    seed: int = 0
    faults: dict[str, float] = field(default_factory=dict)
    outage: Outage | None = None

    def draw(self, ordinal: int) -> str:
        """Return the faults of the operation with this number: one, and one of its webhooks."""
        chance = random.Random(f"{self.seed}/{ordinal}")  # noqa: S311 - to be repeated, not secret
        webhooks = {name: p for name, p in self.faults.items() if name.startswith("webhook_")}
        others = {name: p for name, p in self.faults.items() if name not in webhooks}
        return "+".join(filter(None, (_one_of(others, chance), _one_of(webhooks, chance))))


def _one_of(likelihoods: dict[str, float], chance: random.Random) -> str:
    point = chance.random()
    for name, likelihood in sorted(likelihoods.items()):
        point -= likelihood
        if point < 0:
            return name
    return ""


def named(name: str) -> dict[str, Any]:
    """Return what a name or a file says.

    :raises BadProfile: if there is no such name and no such file, or the file is no JSON
    """
    if name in NAMED:
        return NAMED[name]
    try:
        content = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{name!r} is neither one of {', '.join(NAMED)} nor a file with JSON: {error}"
        raise BadProfile(message) from error
    return content if isinstance(content, dict) else {"": content}


def parsed(content: dict[str, Any], seed: int) -> Profile:
    """Return the profile that a JSON object describes.

    :raises BadProfile: if it says something that we do not know
    """
    chances, outage = content.get("faults", {}), content.get("outage")
    if not content.keys() <= {"faults", "outage"} or not isinstance(chances, dict):
        message = 'a profile is {"faults": {name: likelihood}, "outage": {…}}'
        raise BadProfile(message)
    for name, likelihood in chances.items():
        if not faults.is_known(name) or type(likelihood) not in {int, float}:
            message = f"{name!r}: {likelihood!r} is not a fault with its likelihood"
            raise BadProfile(message)
    for kind in ("webhook_", ""):
        together = [p for name, p in chances.items() if name.startswith("webhook_") == bool(kind)]
        if any(p < 0 for p in together) or sum(together) > 1:
            message = "likelihoods are 0 or more, and together 1 at the most"
            raise BadProfile(message)
    return Profile(seed, chances, _outage(outage) if outage else None)


def _outage(content: Any) -> Outage:
    try:
        outage = Outage(
            float(content["every_seconds"]), float(content["seconds"]), content["silence"]
        )
    except (TypeError, KeyError, ValueError) as error:
        message = "an outage has every_seconds, seconds and silence"
        raise BadProfile(message) from error
    if not 0 < outage.seconds < outage.every_seconds or outage.silence not in SILENCES:
        message = f"an outage is shorter than its period, and its silence one of {SILENCES}"
        raise BadProfile(message)
    return outage


def current(db: sqlite3.Connection) -> Profile:
    """Return the profile in force."""
    kept = json.loads(setting(db, "profile", "{}"))
    return parsed(kept.get("content", {}), int(kept.get("seed", 0)))


def enforce(db: sqlite3.Connection, content: dict[str, Any], seed: int) -> None:
    """Have every operation that is new from now on draw from this profile.

    :raises BadProfile: if it says something that we do not know
    """
    parsed(content, seed)
    set_setting(db, "profile", json.dumps({"content": content, "seed": seed}))
