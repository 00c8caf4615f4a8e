"""The page for people: what we hold, newest first."""

import sqlite3
from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

from simulator import objects, outages
from simulator.orders import Refused
from simulator.reading import Query
from simulator.store import Store, now

ROWS = 50

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; }
table { border-collapse: collapse; margin: .5rem 0; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #ddd; }
td.number { text-align: right; } code { font-size: 13px; }
"""
_CHARGES = ["id", "reference", "amount", "captured", "currency", "status", "code", "payment_method"]
_REFUNDS = ["id", "charge", "reference", "amount", "currency", "status", "code", "reason"]
_DISPUTES = ["id", "charge", "amount", "currency", "status", "reason", "fee"]
_NUMBERS = {"amount", "captured", "fee"}


def books(store: Store, query: Query) -> str:
    """Return the page that lists charges, refunds and disputes.

    :raises Refused: if the query is no such query
    """
    with store.reading() as db:
        at = now(db)
        silence = outages.silence(db, at)
        charges = _section(db, "charges", _CHARGES, query)
        refunds = _section(db, "refunds", _REFUNDS, query)
        disputes = _section(db, "disputes", _DISPUTES, query, "status <> 'planned'")
    state = f"There is an outage: {silence}." if silence else "Everybody is answered."
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Simulator</title>'
        f"<style>{_STYLE}</style></head><body><h1>A provider to test against</h1>"
        f"<p>It is {objects.iso(at)} here. {state}"
        ' As JSON: <a href="/charges">charges</a>, <a href="/refunds">refunds</a>,'
        ' <a href="/disputes">disputes</a>.</p>'
        f"{charges}{refunds}{disputes}</body></html>"
    )


def _section(
    db: sqlite3.Connection, name: str, columns: Sequence[str], query: Query, which: str = "true"
) -> str:
    table = f"sim_{name.removesuffix('s')}"
    before = _before(query, name)
    (count,) = db.execute(f"SELECT count(*) FROM {table} WHERE {which}").fetchone()  # noqa: S608
    rows = db.execute(
        f"SELECT * FROM {table} WHERE seq < ? AND {which} ORDER BY seq DESC LIMIT ?",  # noqa: S608
        (before, ROWS + 1),
    ).fetchall()
    head = "".join(f"<th>{escape(column)}</th>" for column in ["created", *columns])
    body = "".join(_line(row, columns) for row in rows[:ROWS])
    older = ""
    if len(rows) > ROWS:
        link = urlencode({**query, f"{name}_before": rows[ROWS - 1]["seq"]})
        older = f'<p><a href="/?{escape(link)}">older {name}</a></p>'
    return f"<h2>{count} {name}</h2><table><tr>{head}</tr>{body}</table>{older}"


def _before(query: Query, name: str) -> int:
    given = query.get(f"{name}_before", str(2**62))
    if not given.isdecimal() or len(given) > len(str(2**62)):
        raise Refused(400, "page_invalid", f"{name}_before is a number")
    return int(given)


def _line(row: sqlite3.Row, columns: Sequence[str]) -> str:
    cells = [f"<td>{objects.iso(row['created_at'])}</td>"]
    for column in columns:
        kind = ' class="number"' if column in _NUMBERS else ""
        cells.append(f"<td{kind}>{escape(str(row[column]))}</td>")
    return f"<tr>{''.join(cells)}</tr>"
