"""What must hold after every crash: asked of our database, and of the mock's own books."""

import sqlite3
from collections import Counter
from contextlib import closing

from tests.crash.merchants import Merchants
from tests.crash.stack import Stack

SETTLED_SECONDS = 60

UNSETTLED = """
    SELECT 'message', id::text, concat_ws(' ', kind, lane, 'state', state, 'starts', starts,
           'lost', lost, 'alone', alone, last_error, available_at - now())
    FROM outbox_message WHERE state <> 8
    UNION ALL
    SELECT 'payment', id::text, concat_ws(' ', status, payment_method, review_reason)
    FROM payments_payment WHERE status IN ('CREATED', 'PROCESSING') OR needs_review
    UNION ALL
    SELECT 'refund', id::text, status FROM payments_refund WHERE status = 'PENDING'
"""

_MONEY = """
    SELECT kind, id::text, amount, currency FROM payments_operation WHERE state = 'succeeded'
"""

# What the books say of the same operations, by the fact that booked them.
BOOKED = """
    SELECT o.kind, o.id::text, t.amount, t.currency
    FROM ledger_transaction h
    JOIN ledger_transfer t ON t.transaction_id = h.id AND t.layer = 'posted'
    JOIN payments_operation o ON
        h.kind = 'payment.captured' AND o.kind = 'charge' AND o.payment_id = h.source_id
        OR h.kind = 'refund.confirmed' AND o.refund_id = h.source_id
    WHERE h.kind IN ('payment.captured', 'refund.confirmed')
"""

# Where the chain of request, record, operation, booking and message has a gap.
_TORN = """
    SELECT p.id FROM payments_payment p
    LEFT JOIN payments_operation o ON o.payment_id = p.id AND o.kind = 'charge'
    LEFT JOIN outbox_message m ON m.subject_id = o.id
    LEFT JOIN ledger_transaction l ON l.kind = 'payment.created' AND l.source_id = p.id
    WHERE o.id IS NULL OR m.id IS NULL OR l.id IS NULL OR l.xid <> p.xid
"""


def effects(stack: Stack) -> Counter[tuple[str, str, int, str]]:
    """Return what happened at the mock, by its own count."""
    with closing(sqlite3.connect(stack.mock_db, timeout=10)) as book:
        # Whoever charges first makes the table.
        if not book.execute("SELECT 1 FROM sqlite_master WHERE name = 'effects'").fetchone():
            return Counter()
        return Counter(book.execute("SELECT kind, operation, amount, currency FROM effects"))


def settle(stack: Stack, seconds: float = SETTLED_SECONDS) -> None:
    """Wait until nothing is left to do, without a hand being lifted."""
    stack.until("everything to settle without a human", lambda: not stack.rows(UNSETTLED), seconds)


def check(stack: Stack, merchants: Merchants) -> None:
    """Compare our books, the mock's and the merchants' journal."""
    happened = effects(stack)
    repeated = [effect for effect, times in happened.items() if times > 1]
    assert not repeated, stack.logs()
    assert set(stack.rows(_MONEY)) == set(happened)
    assert Counter(stack.rows(BOOKED)) == happened
    assert not stack.rows(_TORN)
    _check_promises(stack, merchants)
    verdict = stack.manage("verify", "--quiescent")
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def _check_promises(stack: Stack, merchants: Merchants) -> None:
    torn = {key: ids for key, ids in merchants.promised.items() if len(ids) != 1}
    assert not torn, "a key was answered with two payments"
    promised = {next(iter(merchants.promised[key])) for key in merchants.bodies}
    known = stack.rows("SELECT id::text FROM payments_payment")
    assert promised == {payment for (payment,) in known}
