"""The hot statements stay on their small indexes, however much is done already."""

from datetime import UTC, datetime

import pytest

from core.db import rows
from outbox import leasing, sweeping
from tests.outbox.planting import LANE, LEASE, plant

pytestmark = pytest.mark.django_db
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _twenty_thousand_done_rows():
    rows(
        "INSERT INTO outbox_message (id, kind, version, lane, subject_id, state, epoch, alone,"
        " worker, starts, failures, lost, max_attempts, last_error, trace, finished_at)"
        " SELECT gen_random_uuid(), 'charge', 1, %s, gen_random_uuid(), 8, 1, false, 'w', 1, 0, 0,"
        " 25, '', '', now() FROM generate_series(1, 20000)",
        [LANE],
    )
    plant(50)
    rows("ANALYZE outbox_message")


def plan(sql: str, **params: object) -> str:
    return "\n".join(line for (line,) in rows(f"EXPLAIN {sql}", params))


def test_a_claim_reads_the_ready_index():
    text = plan(leasing._CLAIM, lane=LANE, floor=EPOCH, limit=50, lease=LEASE, size=50, jobs=[])

    assert "outbox_ready" in text
    assert "Seq Scan on outbox_message" not in text


def test_a_lone_claim_reads_its_own_index():
    text = plan(leasing._CLAIM_ALONE, lease=LEASE, job=None, barred=[], served=[])

    assert "outbox_ready_alone" in text
    assert "Seq Scan on outbox_message" not in text


@pytest.mark.parametrize("sql", [leasing._DUE_LANES, leasing._ALL_LANES], ids=["due", "all"])
def test_a_look_for_work_reads_the_ready_index(sql):
    text = plan(sql, lanes=[LANE], floors=[EPOCH])

    assert "outbox_ready" in text
    assert "Seq Scan on outbox_message" not in text


@pytest.mark.parametrize(
    ("sql", "index"),
    {
        leasing._IN_FLIGHT: "outbox_in_flight",
        leasing._EXPIRE_UNSTARTED: "outbox_in_flight",
        sweeping._RETURN_LOST: "outbox_in_flight",
        sweeping._RETURN_LAPSED: "outbox_in_flight",
        sweeping._CONVICTED: "outbox_ready_alone",
    }.items(),
    ids=["load", "expiry", "lost", "lapsed", "poison"],
)
def test_what_watches_over_the_flight_reads_only_what_flies(sql, index):
    text = plan(sql, lease=LEASE, limit=500, max=3)

    assert index in text
    assert "Seq Scan on outbox_message" not in text
