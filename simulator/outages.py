"""Times without answers: on command, or every so often by the profile."""

import sqlite3

from simulator import answers, profiles
from simulator.answers import Answer
from simulator.profiles import Silence
from simulator.store import set_setting, setting


def begin(db: sqlite3.Connection, seconds: float, silence: Silence, now: float) -> None:
    """Give nobody an answer for so long. What falls due meanwhile is sent afterwards, at once."""
    set_setting(db, "outage_until", now + seconds)
    set_setting(db, "outage_silence", silence)


def silence(db: sqlite3.Connection, now: float) -> Silence | None:
    """Return what everybody meets now, if there is an outage."""
    if now < float(setting(db, "outage_until", "0")):
        kept = setting(db, "outage_silence")
        return "error" if kept == "error" else "drop"
    outage = profiles.current(db).outage
    return outage.silence if outage and outage.is_on(now) else None


def answer(silence: Silence) -> Answer:
    """Return what everybody gets who asks during an outage."""
    if silence == "drop":
        return Answer(0, {}, met="drop")
    return answers.error(503, "unavailable", "out of service", met="503")
