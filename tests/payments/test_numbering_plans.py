"""With a million events: who numbers reads what is new, and who reads a feed reads a page."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from core.db import rows, transaction
from core.models import Merchant
from payments import numbering, sampling
from payments.models import EventNumber
from tests.payments.numbers import a_merchant, write

pytestmark = pytest.mark.usefixtures("committed_db")

OLD_EVENTS = 1_000_000
NEW_EVENTS = 20
# A few pages of each table and index for each event; all events are tens of thousands of pages.
MOST_PAGES = 60 * NEW_EVENTS

MANY = """
    ALTER TABLE payments_event DISABLE TRIGGER USER;
    ALTER TABLE payments_eventnumber DISABLE TRIGGER USER;
    ALTER TABLE payments_numbering DISABLE TRIGGER USER;
    WITH many AS (
        INSERT INTO payments_event (id, merchant_id, mode, aggregatetype, aggregateid, type,
                                    version, payload, xid)
        SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(merchant)s, 'test',
               'payment', '00000000-0000-7000-8000-000000000000', 'payment.created', 1, '{}', '9'
        FROM generate_series(1, %(most)s) AS n
        RETURNING id
    )
    INSERT INTO payments_eventnumber (event_id, merchant_id, mode, number, epoch)
    SELECT id, %(merchant)s, 'test', row_number() OVER (ORDER BY id), 1 FROM many;
    UPDATE payments_numbering
    SET epoch = 1, xid = '9',
        event_id = ('00000000-0000-7000-8000-' || lpad(to_hex(%(most)s), 12, '0'))::uuid,
        system_identifier = (SELECT system_identifier FROM pg_control_system());
"""


@pytest.fixture
def merchant(owner: Connection) -> Merchant:
    """Make a merchant with a million events that have numbers."""
    merchant = a_merchant()
    with owner.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute(MANY, {"merchant": str(merchant.id), "most": OLD_EVENTS})
        owner.commit()
        for table in ("event", "eventnumber", "numbering"):
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
                [f"payments_{table}"],
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE payments_{table} ENABLE ALWAYS TRIGGER {name}")
        owner.commit()
    return merchant


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def run(statement: str, params: Any = None) -> tuple[set[str], int]:
    """Run a statement; return the big tables it read from end to end, and how many pages."""
    with transaction():
        ((found,),) = rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", params)
    plan = (found if isinstance(found, list) else json.loads(found))[0]["Plan"]
    whole = {n["Relation Name"] for n in nodes(plan) if n["Node Type"] == "Seq Scan"}
    pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return whole & {"payments_event", "payments_eventnumber"}, pages


def test_a_million_events_cost_nobody_anything(merchant: Merchant, owner: Connection) -> None:
    never_analyzed = costs(merchant)
    with owner.cursor() as cursor:
        cursor.execute("ANALYZE payments_event, payments_eventnumber, payments_numbering")
    owner.commit()
    analyzed = costs(merchant)

    for found in (never_analyzed, analyzed):
        assert {name: whole for name, (whole, _) in found.items() if whole} == {}
        assert {name: pages for name, (_, pages) in found.items() if pages > MOST_PAGES} == {}
    assert EventNumber.objects.count() == OLD_EVENTS + 2 * NEW_EVENTS


def costs(merchant: Merchant) -> dict[str, tuple[set[str], int]]:
    """Write some events; return what it costs to look for them, and to number them."""
    for _ in range(NEW_EVENTS):
        write(merchant)
    feed = EventNumber.objects.filter(merchant=merchant, mode="test", number__gt=999_990)
    page, params = feed.select_related("event").order_by("number")[:21].query.sql_with_params()
    return {
        "lag": run(sampling.UNNUMBERED),
        "page": run(page, params),
        "number": run(numbering.NUMBER, {"most": numbering.BATCH_EVENTS}),
        "nothing": run(numbering.NUMBER, {"most": numbering.BATCH_EVENTS}),
    }
