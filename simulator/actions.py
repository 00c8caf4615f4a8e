"""What a payer does at our page: approve or refuse, until their time is over."""

import sqlite3
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from simulator import faults, money, plans
from simulator.orders import Refused
from simulator.store import Store, now

DEEDS = ("approve", "refuse")
_STYLE = "body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 30rem; }"


def act(db: sqlite3.Connection, charge_id: str, deed: str, at: float) -> sqlite3.Row:
    """Let the payer approve or refuse a charge that waits for that.

    :raises Refused: if it does not wait, or that is nothing that a payer does
    """
    row = money.find_charge(db, charge_id, "")
    if deed not in DEEDS:
        raise Refused(422, "deed_invalid", f"deed is one of {', '.join(DEEDS)}")
    if row["status"] != money.WAITING:
        raise Refused(409, "not_waiting", f"the charge is {row['status']}")
    if deed == "refuse":
        return money.decide(db, row, "failed", at, code=faults.REFUSED)
    return money.decide(db, row, money.approved(plans.of(db, "charge", row["reference"])), at)


def answer_payer(store: Store, charge_id: str, raw: bytes) -> str:
    """Do what the payer's form says, and return where they go then, if anybody said where.

    Somebody who presses twice, or too late, changes nothing and goes back all the same.

    :raises Refused: if there is no such charge, or that is nothing that a payer does
    """
    deed = parse_qs(raw.decode(errors="replace")).get("deed", [""])[0]
    with store.writing() as db:
        at = now(db)
        money.settle_due(db, at)
        row = _of_page(db, charge_id)
        if row["status"] == money.WAITING:
            row = act(db, charge_id, deed, at)
    return _way_back(row)


def page(store: Store, charge_id: str) -> str:
    """Return the page that asks the payer, or says that there is nothing to ask any more.

    :raises Refused: if no charge has such a page
    """
    with store.reading() as db:
        row = _of_page(db, charge_id)
    what = f"{row['amount']} {escape(row['currency'])} (minor units)"
    if row["status"] == money.WAITING:
        said = f"<p>Do you approve the payment of {what}?</p><form method='post'>" + "".join(
            f"<button name='deed' value='{deed}'>{deed.capitalize()}</button> " for deed in DEEDS
        )
        said += "</form>"
    else:
        said = f"<p>The payment of {what} is {row['status']}. You may close this window.</p>"
        if back := _way_back(row):
            said += f'<p><a href="{escape(back)}">Back to where you came from</a></p>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Simulator</title>'
        f"<style>{_STYLE}</style></head><body><h1>A provider to test against</h1>"
        f"<p>{escape(row['description'])}</p>{said}</body></html>"
    )


def _of_page(db: sqlite3.Connection, charge_id: str) -> sqlite3.Row:
    row = money.find_charge(db, charge_id, "")
    if not row["action_url"]:
        raise Refused(404, "action_not_found", "nobody has to act for this charge")
    return row


def _way_back(row: sqlite3.Row) -> str:
    """Return the address given with the charge, and what happened; whoever reads it should ask."""
    address: str = row["return_url"]
    if not address:
        return ""
    parts = urlsplit(address)
    said = urlencode({"charge": row["id"], "status": row["status"]})
    return urlunsplit(parts._replace(query=f"{parts.query}&{said}" if parts.query else said))
