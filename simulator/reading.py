"""What we hold: one object, those of a reference, those of a time; a page at a time."""

import sqlite3
from datetime import datetime
from typing import Any, Literal

from simulator import objects
from simulator.answers import Answer, error
from simulator.orders import Refused

PAGE_MAX = 100
PAGE_DEFAULT = 50
ObjectKind = Literal["charge", "refund", "dispute"]
Query = dict[str, str]


def one(db: sqlite3.Connection, kind: ObjectKind, object_id: str, at: float) -> Answer:
    """Return an object as a look-up at that time shows it.

    :raises Refused: if there is none
    """
    row = db.execute(
        f"SELECT * FROM sim_{kind} WHERE id = ?",  # noqa: S608
        (object_id,),
    ).fetchone()
    if row is None:
        raise Refused(404, f"{kind}_not_found", f"there is no such {kind}")
    return Answer(200, objects.shown(db, kind, row, at))


def many(db: sqlite3.Connection, kind: ObjectKind, query: Query, at: float | None) -> Answer:
    """Return a page of what matches, oldest first; without a time, also what reads still miss.

    :raises Refused: if the query is no such query
    """
    limit, after = page_of(query)
    conditions = ["seq > :after"]
    values: dict[str, object] = {"after": after, "limit": limit + 1}
    if reference := query.get("reference"):
        conditions.append("reference = :reference")
        values["reference"] = reference
    for name, comparison in (("created_from", ">="), ("created_to", "<")):
        if name in query:
            conditions.append(f"created_at {comparison} :{name}")
            values[name] = _unix(query[name], name)
    if kind == "dispute":
        conditions.append("status <> 'planned'")
    elif at is not None:
        conditions.append(f"{'found_from' if reference else 'listed_from'} <= :now")
        values["now"] = at
    found = db.execute(
        f"SELECT * FROM sim_{kind} WHERE {' AND '.join(conditions)}"  # noqa: S608
        " ORDER BY seq LIMIT :limit",
        values,
    ).fetchall()
    shown = [objects.shown(db, kind, row, at) for row in found[:limit]]
    return Answer(200, page(shown, found, limit))


def page(shown: list[Any], found: list[sqlite3.Row], limit: int) -> dict[str, Any]:
    """Return a page and where the next one begins."""
    is_more = len(found) > limit
    return {"results": shown, "next": str(found[limit - 1]["seq"]) if is_more else None}


def page_of(query: Query) -> tuple[int, int]:
    """Return how much is asked for, and after which number.

    :raises Refused: if either is not a number
    """
    limit, after = query.get("limit", str(PAGE_DEFAULT)), query.get("after", "0")
    if not (limit.isdecimal() and after.isdecimal() and len(after) < 19 and len(limit) < 9):  # noqa: PLR2004 - what a bigint holds
        raise Refused(400, "page_invalid", "limit and after are numbers")
    return max(1, min(int(limit), PAGE_MAX)), int(after)


def _unix(value: str, name: str) -> float:
    try:
        # A plus sign means a space where it was not escaped.
        moment = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused(400, f"{name}_invalid", f"{name} is a time with its zone, as in RFC 3339")
    return moment.timestamp()


def unknown() -> Answer:
    """Return the answer to a request for nothing that we have."""
    return error(404, "not_found", "there is nothing here")
