"""However many messages are done, the desk never reads its way through them."""

from collections.abc import Iterator
from typing import Any

from django.db import connections
from django.test.utils import CaptureQueriesContext

from core.db import OPERATOR, acting_as, rows
from outbox import listing
from outbox.models import Message
from tests.desk import Desk, page
from tests.money import a_shop, charge_of, owning

DONE = 1_000_000
OF_EACH = 400
# A page, and what a filter may look at before the page ends, of each part of a list; and the few
# of other states that stand among the done, for ids are drawn here.
ROWS_READ_MAX = listing.WINDOW + 20

_DONE = """
    INSERT INTO outbox_message
        (id, kind, version, lane, subject_id, state, epoch, alone, worker, starts, failures, lost,
         max_attempts, last_error, trace, finished_at)
    SELECT gen_random_uuid(), 'charge', 1, 'charge:mock', gen_random_uuid(), 8, 1, false, 'w', 1, 0,
           0, 25, '', '', now()
    FROM generate_series(1, %s)
"""
_NOT_DONE = """
    INSERT INTO outbox_message
        (id, kind, version, lane, subject_id, state, epoch, alone, worker, starts, failures, lost,
         max_attempts, last_error, trace, finished_at, available_at, lease_until, job)
    SELECT gen_random_uuid(), (ARRAY['charge', 'refund'])[1 + n %% 2], 1,
           'lane-' || n %% 7, gen_random_uuid(), state, 1, false, 'w', 1, 0, 0, 25, '', '',
           CASE WHEN state = 9 THEN now() END, now() - n * interval '1 minute',
           CASE WHEN state = 1 THEN now() - interval '1 hour' END,
           CASE WHEN state = 1 THEN gen_random_uuid() END
    FROM generate_series(1, %s) AS n, unnest(ARRAY[0, 1, 3, 9]) AS state
"""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def _reads(sql: str) -> Iterator[tuple[str, float]]:
    """Run a statement again and yield how it read messages, and how many rows that met."""
    ((explained,),) = rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
    for node in _nodes(explained[0]["Plan"]):
        if node.get("Relation Name") == "outbox_message":
            met = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            yield node["Node Type"], met * node["Actual Loops"]


def test_no_page_reads_more_messages_than_it_shows(committed_db):
    payment = a_shop().sold()
    a_shop().accepted(gateway="mock")
    with owning(committed_db) as cursor:
        cursor.execute(_DONE, [DONE])
        cursor.execute(_NOT_DONE, [OF_EACH])
        cursor.execute("ANALYZE outbox_message")
    desk = Desk()
    lists = [
        {"view": view, **filters}
        for view in listing.LISTS
        for filters in ({}, {"kind": "refund"}, {"kind": "apply"}, {"age": "hour"})
    ]
    message = str(Message.objects.filter(state=9)[0].id)
    searches = [{"q": str(payment.id)}, {"q": message}, {"q": str(charge_of(payment).id)}]
    pages = [page("outbox.message", message), page("payments.payment", payment.id)]

    with CaptureQueriesContext(connections[OPERATOR]) as queries:
        for query in [*lists, *searches]:
            desk.read("outbox/message/", **query)
        for path in pages:
            desk.read(path)
    with CaptureQueriesContext(connections[OPERATOR]) as counts:
        desk.read("")

    asked = _about_messages(queries)
    assert len(asked) > len(lists)
    assert not _too_much(asked, ROWS_READ_MAX)
    # Counting costs what there is to count, and nothing that is done.
    assert len(_about_messages(counts)) == 3
    assert not _too_much(_about_messages(counts), 4 * OF_EACH)


def _about_messages(queries: CaptureQueriesContext) -> set[str]:
    return {one["sql"] for one in queries if "outbox_message" in one["sql"]}


def _too_much(asked: set[str], limit: int) -> list[tuple[str, str, float]]:
    with acting_as(OPERATOR):
        found = {sql: list(_reads(sql)) for sql in asked}
    return [
        (sql, how, met)
        for sql, reads in found.items()
        for how, met in reads
        if how == "Seq Scan" or met > limit
    ]
