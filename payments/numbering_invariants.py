"""What must always be true of the numbers of events: no gap, no other order, none left out."""

from core.guards import Guard, append_only
from core.invariants import Invariant
from payments.numbering import MARK

# Several times what it takes, and less than anybody waits before they ask.
LATE_SECONDS = 10

_REFUSE = "payments_refuse"
GUARDS = [
    *append_only("payments_eventnumber", _REFUSE),
    Guard("payments_event", "payments_event_stamped", "INSERT", _REFUSE, has_condition=True),
    Guard(
        "payments_eventnumber",
        "payments_eventnumber_in_order",
        "INSERT",
        "payments_guard_numbers",
        after_statement=True,
    ),
    Guard(
        "payments_numbering",
        "payments_numbering_goes_forward",
        "UPDATE",
        "payments_guard_numbering",
    ),
    Guard("payments_numbering", "payments_numbering_kept", "DELETE", _REFUSE),
    Guard("payments_numbering", "payments_numbering_not_truncated", "TRUNCATE", _REFUSE),
]

INVARIANTS: list[Invariant] = [
    Invariant(
        "payments-event-numbers-have-no-gap",
        "the events of a merchant and mode are numbered 1, 2, 3 … without a gap",
        """
        SELECT merchant_id, mode, number, expected FROM (
            SELECT merchant_id, mode, number,
                   row_number() OVER (PARTITION BY merchant_id, mode ORDER BY number) AS expected
            FROM payments_eventnumber) AS told
        WHERE number <> expected
        """,
    ),
    Invariant(
        "payments-event-numbers-in-order",
        "numbers are in the order of transaction ids, and of event ids within a transaction",
        """
        SELECT event_id, number FROM (
            SELECT n.event_id, n.number, n.epoch, e.xid,
                   lag(n.epoch) OVER feed AS last_epoch,
                   lag(e.xid) OVER feed AS last_xid, lag(e.id) OVER feed AS last_id
            FROM payments_eventnumber n JOIN payments_event e ON e.id = n.event_id
            WINDOW feed AS (PARTITION BY n.merchant_id, n.mode ORDER BY n.number)) AS told
        WHERE last_epoch > epoch
           OR last_epoch = epoch AND (last_xid, last_id) > (xid, event_id)
        """,
    ),
    Invariant(
        "payments-event-numbers-fit",
        "a number is that of an event, of its merchant and mode",
        """
        SELECT n.event_id, n.number FROM payments_eventnumber n
        LEFT JOIN payments_event e ON e.id = n.event_id
        WHERE (e.merchant_id, e.mode) IS DISTINCT FROM (n.merchant_id, n.mode)
        """,
    ),
    Invariant(
        "payments-numbering-in-bounds",
        "there is one mark of the numbers, and it stands below every open transaction",
        f"""
        SELECT 'marks' AS what, count(*)::text FROM payments_numbering HAVING count(*) <> 1
        UNION ALL
        SELECT 'xid', xid::text FROM ({MARK}) AS mark
        WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-events-behind-the-mark-are-numbered",
        "every event at or behind the mark has its number, so that none can be left out",
        f"""
        SELECT e.id, e.xid FROM payments_event e JOIN ({MARK}) AS mark
            ON (e.xid, e.id) <= (mark.xid, mark.event_id) OR e.xid IS NULL
        WHERE NOT EXISTS (SELECT FROM payments_eventnumber n WHERE n.event_id = e.id)
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-at-rest-events-are-numbered",
        f"at rest every event older than {LATE_SECONDS} seconds has its number",
        f"""
        SELECT e.id, e.created_at FROM payments_event e
        WHERE e.created_at < now() - interval '{LATE_SECONDS} seconds'
          AND NOT EXISTS (SELECT FROM payments_eventnumber n WHERE n.event_id = e.id)
        """,  # noqa: S608 - our own constants
        quiescent=True,
    ),
]
