"""Look-ups by the API: what they see may lag, what they get may be spoiled; each is recorded."""

import re
import sqlite3
from dataclasses import replace

from simulator import answers, calls, money, outages, plans, reading
from simulator.answers import Answer
from simulator.orders import Refused
from simulator.reading import ObjectKind, Query
from simulator.store import Store, now

_ONE = re.compile(r"/v1/(charge|refund)s/([a-z]{2}_[0-9a-f]{32})")
_MANY = re.compile(r"/v1/(charge|refund)s")


def look(store: Store, path: str, query: Query) -> Answer:
    """Return an object, those of a reference, or a page of a list, as the API shows them now."""
    with store.writing() as db:
        at = now(db)
        money.settle_due(db, at)
        kind, answer = _answer(db, path, query, at)
        calls.record(db, answer, at, kind=kind, reference=query.get("reference", ""))
    return answer


def _answer(db: sqlite3.Connection, path: str, query: Query, at: float) -> tuple[str, Answer]:
    kind = "get" if _ONE.fullmatch(path) else "find" if query.get("reference") else "list"
    if silence := outages.silence(db, at):
        return kind, outages.answer(silence)
    try:
        if found := _ONE.fullmatch(path):
            return kind, reading.one(db, _object_kind(found[1]), found[2], at)
        if found := _MANY.fullmatch(path):
            return kind, _many(db, _object_kind(found[1]), query, at)
    except Refused as refused:
        return kind, answers.error(refused.status, refused.code, str(refused))
    return kind, reading.unknown()


def _many(db: sqlite3.Connection, kind: ObjectKind, query: Query, at: float) -> Answer:
    reference = query.get("reference", "")
    met = plans.next_look(db, kind, reference) if reference else ""
    if met == "500" or met.startswith("429"):
        return answers.trouble(met)
    return replace(reading.many(db, kind, query, at), met=met)


def _object_kind(word: str) -> ObjectKind:
    return "charge" if word == "charge" else "refund"
