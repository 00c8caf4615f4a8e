"""A prepared plan outlives what the table was when it was made, so it must be good for any table.

What would read a small table in another way than a large one is not prepared.
"""

import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connection

from core.db import rows
from core.prepared import Prepared
from outbox import delivery, leasing
from tests.outbox.planting import LANE, LEASE

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PARAMS = {
    "lanes": [LANE],
    "floors": [EPOCH],
    "lane": LANE,
    "floor": EPOCH,
    "limit": 50,
    "size": 50,
    "jobs": [uuid4()],
    "lease": LEASE,
    "ids": [uuid4()],
    "epochs": [1],
    "kinds": ["apply"],
    "worker": "w",
}


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (leasing._DUE_LANES, r"outbox_ready on .*\n *Index Cond: \(\(lane = l.lane\)"),
        (leasing._CLAIM, r"outbox_ready on .*\n *Index Cond: \(\(lane = \$1\)"),
        (leasing._IN_FLIGHT, "outbox_in_flight"),
        (delivery._PEEK, "outbox_in_flight|outbox_message_pkey"),
        (delivery._START, "outbox_in_flight|outbox_message_pkey"),
        (delivery._START_LOCALLY, "outbox_in_flight|outbox_message_pkey"),
    ],
    ids=["due", "claim", "flight", "peek", "start", "start locally"],
)
@pytest.mark.usefixtures("committed_db")
def test_a_plan_made_on_an_empty_table_reads_its_index(statement: Prepared, words: str):
    connection.close()
    rows(statement, PARAMS)

    found = rows(f"EXPLAIN {statement._execute}", statement._values(PARAMS))
    plan = "\n".join(line for (line,) in found)

    assert re.search(words, plan), plan
    # What is pending may be much, and has an index of its own.
    assert "Seq Scan on outbox_message" not in plan
    assert "outbox_ready" in words or "outbox_ready" not in plan
