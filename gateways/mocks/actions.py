"""What a payer does about a charge of a mock that waits for that, and what is told of it."""

import json
import time
from dataclasses import dataclass

from gateways.base import OutcomeKind
from gateways.mocks import tokens
from gateways.mocks.book import Book


@dataclass(frozen=True, slots=True)
class Asked:
    """A charge as its payer sees it; the amount in minor units."""

    status: str
    amount: int
    currency: str
    return_url: str

    @property
    def is_open(self) -> bool:
        """Tell whether the payer may still act."""
        return self.status == OutcomeKind.REQUIRES_ACTION


def asked(book: Book, provider_id: str) -> Asked | None:
    """Return what a payer is asked, or was; None if nobody has to act for it."""
    with book.writing() as db:
        row = db.execute(
            "SELECT status, amount, currency, return_url FROM objects JOIN actions"
            " USING (provider_id) WHERE provider_id = ?",
            (provider_id,),
        ).fetchone()
    return Asked(*row) if row else None


def act(book: Book, provider_id: str, *, approves: bool) -> bytes | None:
    """Let the payer approve or refuse; return the webhook that tells of it, if that is news.

    It takes the road of a result whose time has come, so that both end alike.
    """
    status = OutcomeKind.SUCCEEDED if approves else OutcomeKind.DECLINED
    code = "" if approves else tokens.REFUSED
    with book.writing() as db:
        row = db.execute(
            "UPDATE objects SET due_at = ?, due_status = ?, due_code = ?"
            " WHERE provider_id = ? AND status = ? RETURNING operation, amount, currency",
            (time.time(), status, code, provider_id, OutcomeKind.REQUIRES_ACTION),
        ).fetchone()
    if row is None:
        return None
    operation, amount, currency = row
    body = {
        "id": f"evt_{provider_id}",
        "type": f"charge.{'succeeded' if approves else 'failed'}",
        "reference": operation,
        "provider_id": provider_id,
        "amount": amount,
        "currency": currency,
        "code": code,
    }
    return json.dumps(body).encode()


def came_to(book: Book, provider_id: str, status: str | None, code: str) -> bool:
    """Test whether this is what a charge has come to."""
    with book.writing() as db:
        sql = "SELECT 1 FROM objects WHERE provider_id = ? AND status = ? AND code = ?"
        return db.execute(sql, (provider_id, status, code)).fetchone() is not None
